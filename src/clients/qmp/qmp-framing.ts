import { DomsnapError } from "../../core/errors/index.js";

const LINE_FEED = 0x0a;

/** The schema of a QEMU has 0.2 MiB; a list of 500 block nodes, each with its chain, a few MiB. */
const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024;

/**
 * Cuts a stream of bytes into the lines of QMP, however the stream was cut on its way. Lines come
 * without their ends (QEMU sends CR LF); blank ones are dropped.
 */
export class QmpFraming {
  #parts: Uint8Array[] = [];
  #pendingBytes = 0;

  constructor(private readonly maxLineBytes = DEFAULT_MAX_LINE_BYTES) {}

  /** The lines that `chunk` completes. Throws `tool-failed` when a line has no end in time. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      this.#keep(chunk.subarray(start, end));
      const line = this.#takeLine();
      if (line !== "") lines.push(line);
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(part: Uint8Array): void {
    this.#pendingBytes += part.length;
    if (this.#pendingBytes > this.maxLineBytes)
      throw new DomsnapError(
        "tool-failed",
        `QEMU's monitor sent a line of more than ${this.maxLineBytes} bytes`,
      );
    if (part.length > 0) this.#parts.push(part);
  }

  /** Decoded only when it is whole: a character may lie across two chunks. */
  #takeLine(): string {
    const line = Buffer.concat(this.#parts).toString("utf8").trim();
    this.#parts = [];
    this.#pendingBytes = 0;
    return line;
  }
}
