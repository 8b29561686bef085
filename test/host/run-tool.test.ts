import { expect } from "chai";

import { runTool } from "../../src/host/run-tool.js";
import { expectError } from "../../src/testing/expect-error.js";

describe("runTool", () => {
  it("gives back both streams and the status", async () => {
    const output = await runTool("sh", ["-c", "echo out; echo err >&2"]);
    expect(output).to.deep.equal({ stdout: "out", stderr: "err", exitStatus: 0 });
  });

  it("passes arguments as they are, without a shell", async () => {
    const strange = ["$(id)", "a b", "'\"", "*", "-n", "new\nline"];
    const { stdout } = await runTool("printf", ["%s\\n", ...strange]);
    expect(stdout).to.equal(strange.join("\n"));
  });

  it("asks for messages in the C locale", async () => {
    const { stdout } = await runTool("sh", ["-c", 'echo "$LC_ALL"']);
    expect(stdout).to.equal("C");
  });

  it("names the package of a program that is missing", async () => {
    const error = await expectError(
      runTool("/nowhere/qemu-img", ["--version"]),
      "tool-missing",
      "program '/nowhere/qemu-img' was not found",
    );
    expect(error.hint).to.equal("Install the package 'qemu-utils'.");
  });

  it("throws the program's own words", async () => {
    await expectError(
      runTool("cp", ["--", "/nowhere/one", "/nowhere/two"]),
      "tool-failed",
      "cp: cannot stat '/nowhere/one': No such file or directory",
    );
  });

  it("tells the status of a program that fails without a word", async () => {
    await expectError(runTool("sh", ["-c", "exit 7"]), "tool-failed", "sh: exit status 7");
  });

  it("takes a status as an answer where it is one", async () => {
    const { exitStatus } = await runTool("false", [], { answerStatuses: [0, 1] });
    expect(exitStatus).to.equal(1);
  });

  it("does not take the end by a signal for an answer", async () => {
    await expectError(runTool("sh", ["-c", "kill -9 $$"]), "tool-failed", /signal SIGKILL/);
  });

  it("ends a program that takes too long", async () => {
    await expectError(
      runTool("sleep", ["60"], { timeoutMs: 50 }),
      "tool-failed",
      "sleep: did not finish in time and was stopped",
    );
  });

  it("ends a program that writes too much", async () => {
    await expectError(
      runTool("yes", [], { maxOutputChars: 10_000 }),
      "tool-failed",
      "yes: wrote more output than expected and was stopped",
    );
  });

  it("ends a program on request", async () => {
    const controller = new AbortController();
    const running = runTool("sleep", ["60"], { signal: controller.signal });
    setTimeout(() => controller.abort(), 100);
    await expectError(running, "cancelled");
  });

  it("does not start a program after the request", async () => {
    await expectError(runTool("/nowhere/x", [], { signal: AbortSignal.abort() }), "cancelled");
  });

  it("passes output on as it comes", async () => {
    let seen = "";
    await runTool("sh", ["-c", "echo one; echo two >&2"], { onOutput: (text) => (seen += text) });
    expect(seen).to.include("one").and.to.include("two");
  });
});
