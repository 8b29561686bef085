import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { execa } from "execa";

/** The program itself, as a process. */
describe("main", () => {
  const run = (argv: string[], input = "", env: Record<string, string> = {}) =>
    execa(process.execPath, ["--import", "tsx", "scripts/domsnap.ts", ...argv], {
      input,
      env,
      reject: false,
      stripFinalNewline: false,
    });

  it("runs commands from standard input over one connection", async () => {
    const { stdout, stderr, exitCode } = await run(
      ["-c", "test:///default"],
      "snapshot-create-as test s1\nsnapshot-create-as test s2\nsnapshot-list test --tree\nsnapshot-parent test s1\n",
    );
    expect(stdout).to.equal(
      "Domain snapshot s1 created\nDomain snapshot s2 created\ns1\n  |\n  +- s2\n    \n\n\n",
    );
    expect(stderr).to.match(/^error: snapshot 's1' has no parent\nhint: /);
    expect(exitCode).to.equal(1);
  });

  it("prints help without loading what opens connections", async () => {
    const folder = await mkdtemp(join(tmpdir(), "domsnap-loaded-"));
    try {
      // V8 writes down which scripts it ran.
      const { stdout } = await run(["--help"], "", { NODE_V8_COVERAGE: folder });
      expect(stdout).to.include("snapshot-create");
      const reports = await Promise.all(
        (await readdir(folder)).map((name) => readFile(join(folder, name), "utf8")),
      );
      const loaded = reports.join("");
      expect(loaded).to.include("src/cli/run-cli.ts");
      expect(loaded).not.to.match(/src\/container\.ts|inversify|fast-xml-parser/);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
