import { runCli } from "./run-cli.js";
import type { OpenService } from "./session.js";

/** The container is loaded only when a command needs a connection, so that help comes at once. */
const openService: OpenService = async (uri) => {
  const { openSnapshotService } = await import("../container.js");
  return openSnapshotService(uri);
};

/** The program: runs the command line of this process and sets its exit status. */
export async function main(): Promise<void> {
  // A reader that stops early (`| head`) is no failure of ours.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  process.exitCode = await runCli({
    argv: process.argv.slice(2),
    // Touching it loads the stream machinery; most commands never read it.
    get stdin() {
      return process.stdin;
    },
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    openService,
    signals: process,
    exit: (status) => process.exit(status),
  });
}

void main();
