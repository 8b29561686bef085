import { expect } from "chai";
import fc from "fast-check";
import {
  apiNameOf,
  decode,
  encode,
  encodeFrame,
  FRAME_TYPE,
  FrameReader,
  PROCEDURES,
  PROGRAM,
  RpcFault,
} from "../../src/rpc/index.js";
import { goldenFrames } from "./support/golden.js";

const golden = [...goldenFrames("virsh"), ...goldenFrames("python")];
const spoken = golden.flatMap(({ frame, codec }) => (codec ? [{ frame, codec }] : []));

describe("frames of real clients and of libvirtd", () => {
  it("are read and written again, byte for byte", () => {
    for (const { hex, frame } of golden) expect(encodeFrame(frame).toString("hex")).to.equal(hex);
    for (const { frame, codec } of spoken) {
      const bytes = encode(codec, decode(codec, frame.payload));
      expect(bytes.toString("hex"), apiNameOf(frame.procedure)).to.equal(
        frame.payload.toString("hex"),
      );
    }
  });

  it("show most of the calls that the table has, and nothing with a number that is wrong", () => {
    const seen = new Set(
      golden
        .filter(({ frame }) => frame.program === PROGRAM.remote && frame.type === FRAME_TYPE.call)
        .map(({ frame }) => frame.procedure),
    );
    const unseen = Object.entries(PROCEDURES).filter(([, { number }]) => !seen.has(number));
    expect(seen.size).to.be.at.least(45);
    expect(unseen.length).to.be.below(Object.keys(PROCEDURES).length / 3);
  });

  it("tell by virsh's calls what they are about", () => {
    const [create] = spoken.filter(
      ({ frame }) =>
        frame.procedure === PROCEDURES.domainSnapshotCreateXml.number &&
        frame.type === FRAME_TYPE.call,
    );
    const args = decode(
      PROCEDURES.domainSnapshotCreateXml.args,
      create?.frame.payload ?? Buffer.of(),
    );
    expect(args.domain).to.deep.equal({
      name: "test",
      uuid: "6695eb01-f6a4-8304-79aa-97f2502e193f",
      id: 1,
    });
    expect(args.xml)
      .to.include("<name>s1</name>")
      .and.to.include("<description>first</description>");
    expect(args.flags).to.equal(0);
  });

  it("that end too early, wherever that is, are a fault", () => {
    for (const { frame, codec } of spoken)
      for (let length = 0; length < frame.payload.length; length++)
        expect(() => decode(codec, frame.payload.subarray(0, length))).to.throw(RpcFault);
  });

  it("with any byte changed are a value or a fault, never another error", () => {
    for (const { frame, codec } of spoken)
      for (let at = 0; at < frame.payload.length; at++)
        for (const mask of [0x01, 0x80, 0xff]) {
          const bytes = Buffer.from(frame.payload);
          bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at);
          expectValueOrFault(() => encode(codec, decode(codec, bytes)));
        }
  });

  it("may come in pieces of any size", () => {
    const wire = Buffer.concat(golden.map(({ hex }) => Buffer.from(hex, "hex")));
    const pieces = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(pieces, (sizes) => {
        const reader = new FrameReader();
        const seen: string[] = [];
        for (let at = 0, turn = 0; at < wire.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          const frames = reader.push(wire.subarray(at, at + size));
          seen.push(...frames.map((frame) => encodeFrame(frame).toString("hex")));
          at += size;
        }
        expect(seen).to.deep.equal(golden.map(({ hex }) => hex));
        expect(reader.heldBytes).to.equal(0);
      }),
      { numRuns: 30 },
    );
  });
});

function expectValueOrFault(work: () => unknown): void {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof RpcFault)) throw thrown;
  }
}
