const LINE_FEED = 0x0a;
/** Comes before the answer to `guest-sync-delimited`, and in no other. */
export const DELIMITER = 0xff;

/** The answers that we ask for have a hundred bytes; a guest may send what it likes. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Cuts what a guest sends into lines. Whatever stands before a delimiter was meant for somebody
 * else, and is dropped. Throws when a line does not end.
 */
export class AgentFraming {
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): string[] {
    let bytes = Buffer.concat([this.#rest, chunk]);
    bytes = bytes.subarray(bytes.lastIndexOf(DELIMITER) + 1);
    const lines: string[] = [];
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED)) {
      lines.push(bytes.toString("utf8", 0, end));
      bytes = bytes.subarray(end + 1);
    }
    if (bytes.length > MAX_LINE_BYTES)
      throw new Error(`it sent a line of more than ${MAX_LINE_BYTES} bytes`);
    this.#rest = bytes;
    return lines;
  }
}
