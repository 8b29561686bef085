import { EXIT } from "../core/errors/index.js";
import { errnoOf, strerror } from "../host/system-error.js";
import type { TextOutput } from "./io.js";
import { openOutput } from "./plain-output.js";
import { runCli } from "./run-cli.js";
import type { OpenService } from "./session.js";

/** The container is loaded only when a command needs a connection, so that help comes at once. */
const openService: OpenService = async (uri) => {
  const { openSnapshotService } = await import("../container.js");
  return openSnapshotService(uri);
};

/** The program: runs the command line of this process and sets its exit status. */
export async function main(): Promise<void> {
  process.exitCode = await runCli({
    argv: process.argv.slice(2),
    // Touching it loads the stream machinery; most commands never read it.
    get stdin() {
      return process.stdin;
    },
    stdout: openOutput(1, standardOutput),
    stderr: openOutput(2, () => process.stderr),
    env: process.env,
    openService,
    signals: process,
    exit: (status) => process.exit(status),
  });
}

function standardOutput(): TextOutput {
  const { stdout } = process;
  if (stdout.listenerCount("error") === 0)
    // A reader that stops early (`| head`) is no failure of ours.
    stdout.on("error", (error) => {
      if (errnoOf(error) === "EPIPE") process.exit(EXIT.ok);
      process.stderr.write(`error: the output cannot be written: ${strerror(error)}\n`);
      process.exit(EXIT.failed);
    });
  return stdout;
}

void main();
