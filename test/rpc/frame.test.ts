import { expect } from "chai";
import fc from "fast-check";
import {
  encodeFrame,
  FRAME_TYPE,
  FrameReader,
  MAX_FRAME_BYTES,
  RpcFault,
  type Frame,
} from "../../src/rpc/index.js";

const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const anyFrame: fc.Arbitrary<Frame> = fc.record({
  program: uint32,
  version: uint32,
  procedure: int32,
  type: int32.filter((type) => type !== FRAME_TYPE.callWithFds && type !== FRAME_TYPE.replyWithFds),
  serial: uint32,
  status: int32,
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

describe("a reader of frames", () => {
  it("gives what was written", () => {
    fc.assert(
      fc.property(fc.array(anyFrame, { maxLength: 5 }), (frames) => {
        const wire = Buffer.concat(frames.map(encodeFrame));
        expect(new FrameReader().push(wire)).to.deep.equal(frames);
      }),
    );
  });

  for (const length of [0, 3, 4, 27, MAX_FRAME_BYTES + 1, 0xffff_ffff])
    it(`refuses a length of ${length}`, () => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(length);
      expect(() => new FrameReader().push(bytes)).to.throw(RpcFault);
      const slow = new FrameReader();
      for (const at of [0, 1, 2]) slow.push(bytes.subarray(at, at + 1));
      expect(() => slow.push(bytes.subarray(3))).to.throw(RpcFault);
    });

  it("takes no memory for bytes that have not come", () => {
    const claim = Buffer.alloc(4);
    claim.writeUInt32BE(MAX_FRAME_BYTES);
    const before = process.memoryUsage().arrayBuffers;
    const readers = Array.from({ length: 200 }, () => new FrameReader());
    for (const reader of readers) expect(reader.push(claim)).to.deep.equal([]);
    for (const reader of readers) reader.push(Buffer.alloc(100));
    expect(process.memoryUsage().arrayBuffers - before).to.be.below(1024 * 1024);
  });

  it("reads a large frame that comes byte by byte in linear time", () => {
    const payload = Buffer.alloc(1024 * 1024, 7);
    const wire = encodeFrame(frameOf({ payload }));
    const reader = new FrameReader();
    const frames: Frame[] = [];
    for (let at = 0; at < wire.length; at++) frames.push(...reader.push(wire.subarray(at, at + 1)));
    expect(frames).to.have.length(1);
    expect(frames[0]?.payload.equals(payload)).to.equal(true);
  });

  it("passes over what carries descriptors, and stays in step", () => {
    const payload = Buffer.from([0, 0, 0, 3, 1, 2, 3, 4]);
    const first = encodeFrame(frameOf({ type: FRAME_TYPE.callWithFds, payload }));
    const second = encodeFrame(frameOf({ serial: 9 }));
    const wire = Buffer.concat([first, Buffer.from("xyz"), second]);
    for (let cut = 1; cut < wire.length; cut++) {
      const reader = new FrameReader();
      const frames = [...reader.push(wire.subarray(0, cut)), ...reader.push(wire.subarray(cut))];
      expect(frames.map(({ serial }) => serial)).to.deep.equal([1, 9]);
      expect([...(frames[0]?.payload ?? [])]).to.deep.equal([1, 2, 3, 4]);
    }
  });

  it("refuses more descriptors than libvirt does, and a number of them that is cut off", () => {
    for (const payload of [Buffer.from([0, 0, 0, 33]), Buffer.from([0, 0])]) {
      const wire = encodeFrame(frameOf({ type: FRAME_TYPE.callWithFds, payload }));
      expect(() => new FrameReader().push(wire)).to.throw(RpcFault);
    }
  });

  it("survives any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }), (chunks) => {
        const reader = new FrameReader();
        try {
          for (const chunk of chunks) reader.push(Buffer.from(chunk));
        } catch (thrown) {
          if (!(thrown instanceof RpcFault)) throw thrown;
        }
      }),
    );
  });

  it("writes no frame that nobody would take", () => {
    const payload = Buffer.alloc(MAX_FRAME_BYTES);
    expect(() => encodeFrame(frameOf({ payload }))).to.throw(RpcFault, "the most");
  });
});

function frameOf(change: Partial<Frame>): Frame {
  const payload = Buffer.alloc(0);
  const type = FRAME_TYPE.call;
  return { program: 1, version: 1, procedure: 1, type, serial: 1, status: 0, payload, ...change };
}
