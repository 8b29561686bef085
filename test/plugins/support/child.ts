import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A program of ours in another process. */
export interface Child {
  /** The next line of its output; fails when there is none. */
  readonly line: () => Promise<string>;
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
  /** Waits for its end. */
  readonly ended: Promise<unknown>;
}

/** Starts a TypeScript file in a Node process of its own. */
export function startChild(file: URL, args: readonly string[]): Child {
  const argv = ["--import", "tsx", fileURLToPath(file), ...args];
  const child: ChildProcessWithoutNullStreams = spawn(process.execPath, argv);
  child.stderr.pipe(process.stderr);
  const ended = once(child, "exit");
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    ended,
    async line() {
      const next = await lines.next();
      if (next.done) throw new Error(`${fileURLToPath(file)} ended without a word`);
      return next.value;
    },
    async kill(signal) {
      child.kill(signal);
      await ended;
    },
  };
}
