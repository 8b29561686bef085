import type { Readable } from "node:stream";

/** Where text goes. */
export interface TextOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** The streams of one run. */
export interface CliStreams {
  readonly stdin: Readable & {
    readonly isTTY?: boolean;
    /** Of a terminal: raw gives every key to the program, also Ctrl-C. */
    readonly setRawMode?: (raw: boolean) => unknown;
  };
  readonly stdout: TextOutput;
  readonly stderr: TextOutput;
}

/** The part of `process` that tells of Ctrl-C. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
}
