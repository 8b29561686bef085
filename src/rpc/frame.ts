import { RpcFault } from "./rpc-fault.js";

/** What a frame is; libvirt: virNetMessageType. */
export const FRAME_TYPE = {
  call: 0,
  reply: 1,
  /** Sent without being asked: an event, a ping. */
  message: 2,
  stream: 3,
  callWithFds: 4,
  replyWithFds: 5,
  streamHole: 6,
} as const;

/** What became of a call; libvirt: virNetMessageStatus. */
export const FRAME_STATUS = { ok: 0, error: 1, continue: 2 } as const;

/** What stands in front of every payload. */
export interface FrameHeader {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  /** One of `FRAME_TYPE`, or a number that nobody knows. */
  readonly type: number;
  /** Chosen by the caller; a reply has the call's, a message 0. */
  readonly serial: number;
  readonly status: number;
}

/** One frame of a connection. */
export interface Frame extends FrameHeader {
  readonly payload: Buffer;
}

const LENGTH_BYTES = 4;
const HEADER_BYTES = 24;
/** Smallest length that a frame tells: the length itself and the header. */
export const MIN_FRAME_BYTES = LENGTH_BYTES + HEADER_BYTES;
/** Largest length that a frame may tell; libvirt: VIR_NET_MESSAGE_MAX, and the length itself. */
export const MAX_FRAME_BYTES = LENGTH_BYTES + 33_554_432;
/** libvirt: VIR_NET_MESSAGE_NUM_FDS_MAX. */
export const MAX_FDS = 32;

/** The bytes of a frame. Throws `too-long` when they are more than the protocol allows. */
export function encodeFrame({ payload, ...header }: Frame): Buffer {
  const length = MIN_FRAME_BYTES + payload.length;
  if (length > MAX_FRAME_BYTES)
    throw new RpcFault(
      "too-long",
      `a frame of ${length} bytes, where ${MAX_FRAME_BYTES} is the most`,
    );
  const bytes = Buffer.alloc(length);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(header.program, 4);
  bytes.writeUInt32BE(header.version, 8);
  bytes.writeInt32BE(header.procedure, 12);
  bytes.writeInt32BE(header.type, 16);
  bytes.writeUInt32BE(header.serial, 20);
  bytes.writeInt32BE(header.status, 24);
  bytes.set(payload, MIN_FRAME_BYTES);
  return bytes;
}

/**
 * Cuts what arrives into frames. Holds no more than about twice of what has arrived of one frame,
 * whatever the frame says of its length and however small the pieces are. Of descriptors that come
 * with a frame only the count is read; the bytes that carry them are passed over.
 */
export class FrameReader {
  /** The beginning of a frame, with room for more. */
  #partial: Buffer = Buffer.alloc(0);
  #filled = 0;
  /** How long the frame is; the length of the length itself, until that is known. */
  #wanted = LENGTH_BYTES;
  /** Carrier bytes of descriptors that are still to come. */
  #toSkip = 0;

  constructor(private readonly maxFrameBytes: number = MAX_FRAME_BYTES) {}

  /** How many bytes of an unfinished frame have arrived. */
  get heldBytes(): number {
    return this.#filled;
  }

  /**
   * The frames that are complete with these bytes; they share memory with them. Throws `RpcFault` at
   * a length that cannot be: the rest of the connection cannot be understood then.
   */
  push(chunk: Buffer): Frame[] {
    const frames: Frame[] = [];
    for (let rest = chunk; rest.length > 0;) {
      const { bytes, taken } = this.#accept(rest);
      rest = rest.subarray(taken);
      if (bytes) frames.push(this.#parse(bytes));
    }
    return frames;
  }

  /** Takes what belongs to one frame, and gives the frame when it is complete. */
  #accept(rest: Buffer): { readonly taken: number; readonly bytes?: Buffer } {
    if (this.#toSkip > 0) {
      const taken = Math.min(this.#toSkip, rest.length);
      this.#toSkip -= taken;
      return { taken };
    }
    if (this.#filled === 0 && rest.length >= LENGTH_BYTES) {
      const length = this.#lengthIn(rest);
      if (length <= rest.length) return { taken: length, bytes: rest.subarray(0, length) };
    }
    const taken = Math.min(this.#wanted - this.#filled, rest.length);
    this.#append(rest.subarray(0, taken));
    if (this.#filled === LENGTH_BYTES) this.#wanted = this.#lengthIn(this.#partial);
    if (this.#filled < this.#wanted) return { taken };
    const bytes = this.#partial.subarray(0, this.#filled);
    this.#partial = Buffer.alloc(0);
    this.#filled = 0;
    this.#wanted = LENGTH_BYTES;
    return { taken, bytes };
  }

  #append(bytes: Buffer): void {
    const needed = this.#filled + bytes.length;
    if (needed > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#partial.length));
      this.#partial.copy(larger, 0, 0, this.#filled);
      this.#partial = larger;
    }
    this.#partial.set(bytes, this.#filled);
    this.#filled = needed;
  }

  #lengthIn(bytes: Buffer): number {
    const length = bytes.readUInt32BE(0);
    if (length < MIN_FRAME_BYTES)
      throw new RpcFault(
        "invalid",
        `a frame of ${length} bytes, where ${MIN_FRAME_BYTES} is the least`,
      );
    if (length > this.maxFrameBytes)
      throw new RpcFault(
        "too-long",
        `a frame of ${length} bytes, where ${this.maxFrameBytes} is the most`,
      );
    return length;
  }

  #parse(bytes: Buffer): Frame {
    const frame = parseFrame(bytes);
    if (frame.type !== FRAME_TYPE.callWithFds && frame.type !== FRAME_TYPE.replyWithFds)
      return frame;
    const { fds, payload } = splitFds(frame.payload);
    this.#toSkip = fds;
    return { ...frame, payload };
  }
}

function parseFrame(bytes: Buffer): Frame {
  return {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type: bytes.readInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readInt32BE(24),
    payload: bytes.subarray(MIN_FRAME_BYTES),
  };
}

function splitFds(bytes: Buffer): { readonly fds: number; readonly payload: Buffer } {
  if (bytes.length < 4)
    throw new RpcFault("truncated", "a frame without its number of descriptors");
  const fds = bytes.readUInt32BE(0);
  if (fds > MAX_FDS)
    throw new RpcFault("too-long", `${fds} descriptors, where ${MAX_FDS} is the most`);
  return { fds, payload: bytes.subarray(4) };
}
