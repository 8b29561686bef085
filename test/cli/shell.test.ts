import { PassThrough } from "node:stream";
import { expect } from "chai";
import { runCli } from "../../src/cli/run-cli.js";
import { withoutPlugins } from "./run-in-process.js";
import { listing, head, stubService } from "./stub-service.js";

/** A terminal in memory: types `keys` one after the other and gives back all that was shown. */
async function typeOnTerminal(keys: readonly string[]): Promise<{ status: number; shown: string }> {
  const stdin = Object.assign(new PassThrough(), {
    isTTY: true,
  });
  const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 200 });
  let shown = "";
  stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  const running = runCli({
    argv: ["-c", "stub:///"],
    stdin,
    stdout,
    stderr: stdout,
    env: {},
    loadPlugins: withoutPlugins(() =>
      Promise.resolve(
        stubService({ list: () => Promise.resolve(listing({ heads: [head("before-upgrade")] })) }),
      ),
    ),
  });
  for (const key of keys) {
    stdin.write(key);
    // Completion asks the service, which takes some turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return { status: await running, shown };
}

describe("the interactive shell", () => {
  it("welcomes, runs lines, and leaves at quit", async () => {
    const { status, shown } = await typeOnTerminal(["echo one; echo two\r", "nope\r", "quit\r"]);
    expect(shown).to.match(/^Welcome to domsnap/);
    expect(shown).to.include("domsnap # ");
    expect(shown).to.include("one\ntwo\n");
    expect(shown).to.include("error: unknown command: 'nope'\n");
    expect(status).to.equal(0);
  });

  it("completes commands, domains and snapshots", async () => {
    const { shown } = await typeOnTerminal([
      "snapshot-l",
      "\t",
      "v",
      "\t",
      "--na",
      "\t",
      "\r",
      "quit\r",
    ]);
    expect(shown).to.include("\nbefore-upgrade\n");
  });

  it("throws the line away at Ctrl-C", async () => {
    const { shown } = await typeOnTerminal(["nope", "\u0003", "echo fine\r", "quit\r"]);
    expect(shown).to.include("^C\n");
    expect(shown).to.include("fine\n");
    expect(shown).not.to.include("unknown command");
  });

  it("leaves at the end of input", async () => {
    expect((await typeOnTerminal(["\u0004"])).status).to.equal(0);
  });
});
