import { expect } from "chai";
import fc from "fast-check";
import {
  decode,
  domain,
  encode,
  MAX_LIST,
  PROCEDURES,
  RpcFault,
  snapshot,
  text,
  typedParams,
  uuid,
  wireError,
  type Codec,
} from "../../src/rpc/index.js";
import {
  array,
  bool,
  double,
  hyper,
  int,
  items,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
} from "../../src/rpc/xdr/codec.js";

const word = fc
  .string({ unit: "grapheme", maxLength: 20 })
  .filter((value) => !value.includes("\0"));
const int32 = fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anyUuid = fc.uuid();
const anyDomain = fc.record({ name: word, uuid: anyUuid, id: int32 });
const anyValue = fc.oneof(
  fc.record({ type: fc.constant(1 as const), value: int32 }),
  fc.record({ type: fc.constant(2 as const), value: uint32 }),
  fc.record({ type: fc.constant(3 as const), value: int64 }),
  fc.record({ type: fc.constant(4 as const), value: uint64 }),
  fc.record({ type: fc.constant(5 as const), value: fc.double({ noNaN: true }) }),
  fc.record({ type: fc.constant(6 as const), value: fc.boolean() }),
  fc.record({ type: fc.constant(7 as const), value: word }),
);
const maybeWord = fc.option(word, { nil: undefined });

/** A codec and values for it; the types hold them together. */
function sample<Value>(name: string, codec: Codec<Value>, values: fc.Arbitrary<Value>) {
  return {
    name,
    run: () => {
      fc.assert(
        fc.property(values, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, place, mask) => {
          const bytes = Buffer.from(encode(codec, value));
          expect(decode(codec, bytes)).to.deep.equal(value);
          expect(bytes.length).to.be.at.least(codec.minBytes);
          expect(bytes.length % 4).to.equal(0);
          for (let length = 0; length < bytes.length; length++)
            expect(() => decode(codec, bytes.subarray(0, length))).to.throw(RpcFault);
          expect(() => decode(codec, Buffer.concat([bytes, Buffer.alloc(4)]))).to.throw(RpcFault);
          if (bytes.length === 0) return;
          const at = place % bytes.length;
          bytes.writeUInt8(bytes.readUInt8(at) ^ mask, at);
          expectValueOrFault(() => decode(codec, bytes));
        }),
        { numRuns: 60 },
      );
    },
  };
}

const SAMPLES = [
  sample("int", int, int32),
  sample("unsigned int", uint, uint32),
  sample("hyper", hyper, int64),
  sample("unsigned hyper", uhyper, uint64),
  sample("double", double, fc.double({ noNaN: true })),
  sample("bool", bool, fc.boolean()),
  sample("string", text, word),
  sample("uuid", uuid, anyUuid),
  sample(
    "opaque",
    opaque(5),
    fc.uint8Array({ minLength: 5, maxLength: 5 }).map((b) => Buffer.from(b)),
  ),
  sample("array", array(text, 8), fc.array(word, { maxLength: 8 })),
  sample("items", items(int, 3), fc.array(int32, { minLength: 3, maxLength: 3 })),
  sample("optional", optional(hyper), fc.option(int64, { nil: undefined })),
  sample("struct", struct({ a: uint, b: text }), fc.record({ a: uint32, b: word })),
  sample("domain", domain, anyDomain),
  sample("snapshot", snapshot, fc.record({ name: word, domain: anyDomain })),
  sample(
    "typed parameters",
    typedParams,
    fc.array(fc.record({ field: word, value: anyValue }), { maxLength: 4 }),
  ),
  sample(
    "error",
    wireError,
    fc.record({
      code: int32,
      domain: int32,
      message: maybeWord,
      level: int32,
      on: fc.option(anyDomain, { nil: undefined }),
      str1: maybeWord,
      str2: maybeWord,
      str3: maybeWord,
      int1: int32,
      int2: int32,
      network: fc.option(fc.record({ name: word, uuid: anyUuid }), { nil: undefined }),
    }),
  ),
];

describe("XDR", () => {
  for (const { name, run } of SAMPLES)
    it(`${name}: what is written is read, a part of it is a fault, a changed byte no crash`, run);

  it("takes any number but 0 for true, as go-libvirt writes it", () => {
    expect(decode(optional(int), Buffer.from("0100000000000005", "hex"))).to.equal(5);
    expect(encode(optional(int), 5).toString("hex")).to.equal("0000000100000005");
  });

  it("gives no memory for a count that lies", () => {
    const bytes = Buffer.from("00004000", "hex");
    expect(() => decode(PROCEDURES.domainSnapshotListNames.result, bytes)).to.throw(
      RpcFault,
      "16384 items are told of, 0 bytes are left",
    );
    expect(() => decode(text, Buffer.from("003fffff", "hex"))).to.throw(RpcFault, "are needed");
  });

  it("keeps libvirt's limits in both directions", () => {
    const tooMany = Array.from({ length: MAX_LIST + 1 }, () => "n");
    expect(() => encode(PROCEDURES.domainSnapshotListNames.result, { value: tooMany })).to.throw(
      RpcFault,
      "16384 is the most",
    );
    expect(() => encode(string(3), "four")).to.throw(RpcFault);
    expect(() => decode(string(3), Buffer.from("0000000461626364", "hex"))).to.throw(RpcFault);
    expect(() => encode(uint, -1)).to.throw(RpcFault);
    expect(() => encode(uhyper, 2n ** 64n)).to.throw(RpcFault);
  });

  it("refuses text that C could not hold, and bytes that are no text", () => {
    expect(() => encode(text, "a\0b")).to.throw(RpcFault, "NUL");
    expect(() => decode(text, Buffer.from("0000000361006200", "hex"))).to.throw(RpcFault, "NUL");
    expect(() => decode(text, Buffer.from("00000002c3280000", "hex"))).to.throw(RpcFault, "UTF-8");
  });

  it("refuses a type of parameter that there is not", () => {
    const bytes = Buffer.concat([
      Buffer.from("00000001", "hex"),
      encode(text, "field"),
      Buffer.from("0000000800000000", "hex"),
    ]);
    expect(() => decode(typedParams, bytes)).to.throw(RpcFault, "form 8");
  });
});

describe("the table of calls", () => {
  const entries = Object.entries(PROCEDURES);

  it("has each number once", () => {
    const numbers = entries.map(([, { number }]) => number);
    expect(numbers).to.deep.equal([...new Set(numbers)]);
  });

  it("names each by libvirt's function", () => {
    for (const [name, { api }] of entries.filter(([key]) => key !== "authList"))
      expect(api.replace(/^vir/, "").toLowerCase(), name).to.equal(name.toLowerCase());
  });

  it("lets nobody change anything without write access", () => {
    const changing =
      /Create|Destroy|Shutdown|Suspend|Resume|Define(?!d)|Undefine|Revert|Delete|Abort/;
    for (const [name, { access }] of entries)
      expect(access === "write", name).to.equal(changing.test(name));
  });
});

function expectValueOrFault(work: () => unknown): void {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof RpcFault)) throw thrown;
  }
}
