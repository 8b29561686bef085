import { RpcFault } from "../rpc-fault.js";

/** XDR fills everything up to a multiple of this. */
export const XDR_UNIT = 4;

/** How many bytes of zeros follow `length` bytes. */
export function paddingAfter(length: number): number {
  return (XDR_UNIT - (length % XDR_UNIT)) % XDR_UNIT;
}

/** Reads XDR's primitive values one after the other. Each throws `truncated` at the end. */
export class XdrReader {
  #offset = 0;

  constructor(private readonly bytes: Buffer) {}

  /** How many bytes have not been read. */
  get left(): number {
    return this.bytes.length - this.#offset;
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#advance(4));
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#advance(4));
  }

  int64(): bigint {
    return this.bytes.readBigInt64BE(this.#advance(8));
  }

  uint64(): bigint {
    return this.bytes.readBigUInt64BE(this.#advance(8));
  }

  double(): number {
    return this.bytes.readDoubleBE(this.#advance(8));
  }

  /** A view, not a copy, of bytes and their padding; libvirt does not look at what the padding is. */
  opaque(length: number): Buffer {
    const at = this.#advance(length + paddingAfter(length));
    return this.bytes.subarray(at, at + length);
  }

  /** Throws `trailing` when something is left. */
  end(): void {
    if (this.left > 0) throw new RpcFault("trailing", `${this.left} bytes behind the last value`);
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (length > this.left)
      throw new RpcFault("truncated", `${length} bytes are needed, ${this.left} are left`);
    this.#offset += length;
    return at;
  }
}
