import { RpcFault } from "../rpc-fault.js";
import { paddingAfter } from "./reader.js";

const FIRST_CAPACITY = 256;
/** More than any frame may have; what is longer could not be sent. */
const MAX_BYTES = 64 * 1024 * 1024;

/** Writes XDR's primitive values one behind the other. */
export class XdrWriter {
  #bytes = Buffer.alloc(FIRST_CAPACITY);
  #length = 0;

  int32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeInt32BE(value, at);
  }

  uint32(value: number): void {
    const at = this.#reserve(4);
    this.#bytes.writeUInt32BE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigInt64BE(value, at);
  }

  uint64(value: bigint): void {
    const at = this.#reserve(8);
    this.#bytes.writeBigUInt64BE(value, at);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleBE(value, at);
  }

  /** With its padding of zeros. */
  opaque(value: Uint8Array): void {
    const at = this.#reserve(value.length + paddingAfter(value.length));
    this.#bytes.set(value, at);
  }

  /** What has been written so far: a view, good until something more is written. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room for bytes, which are zero, and tells where they begin; `#bytes` may be another then. */
  #reserve(length: number): number {
    const at = this.#length;
    const needed = at + length;
    if (needed > MAX_BYTES)
      throw new RpcFault("too-long", `a message of more than ${MAX_BYTES} bytes`);
    if (needed > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(needed, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, at);
      this.#bytes = larger;
    }
    this.#length = needed;
    return at;
  }
}
