import { RpcFault } from "../rpc-fault.js";
import { XdrReader } from "./reader.js";
import { XdrWriter } from "./writer.js";

/**
 * How values of one type look on the wire: one description for reading and for writing. Codecs are
 * plain values, made of others by the functions below.
 */
export interface Codec<Value> {
  /** Fewest bytes that a value takes: what a count claims is held against it before anything is read. */
  readonly minBytes: number;
  /** Throws `RpcFault`. */
  decode(from: XdrReader): Value;
  /** Throws `RpcFault` for what the protocol has no room for. */
  encode(to: XdrWriter, value: Value): void;
}

/** The type of the values that a codec reads and writes. */
export type ValueOf<Of> = Of extends Codec<infer Value> ? Value : never;

/** Reads a value that takes all of the bytes. Throws `RpcFault`. */
export function decode<Value>(codec: Codec<Value>, bytes: Buffer): Value {
  const reader = new XdrReader(bytes);
  const value = codec.decode(reader);
  reader.end();
  return value;
}

/** The bytes of a value. Throws `RpcFault` for what the protocol has no room for. */
export function encode<Value>(codec: Codec<Value>, value: Value): Buffer {
  const writer = new XdrWriter();
  codec.encode(writer, value);
  return writer.finish();
}

/** No value, no bytes: the arguments or the result of many procedures. */
export const nothing: Codec<undefined> = {
  minBytes: 0,
  decode: () => undefined,
  encode: () => undefined,
};

/** `int`, `short`, `enum`: -2^31 to 2^31 - 1. */
export const int: Codec<number> = {
  minBytes: 4,
  decode: (from) => from.int32(),
  encode: (to, value) => {
    to.int32(inRange(value, -0x8000_0000, 0x7fff_ffff));
  },
};

/** `unsigned int`, `unsigned char`, flags: 0 to 2^32 - 1. */
export const uint: Codec<number> = {
  minBytes: 4,
  decode: (from) => from.uint32(),
  encode: (to, value) => {
    to.uint32(inRange(value, 0, 0xffff_ffff));
  },
};

/** `hyper`: 64 bits with a sign. */
export const hyper: Codec<bigint> = {
  minBytes: 8,
  decode: (from) => from.int64(),
  encode: (to, value) => {
    if (BigInt.asIntN(64, value) !== value) throw outOfRange(value);
    to.int64(value);
  },
};

/** `unsigned hyper`: 64 bits. */
export const uhyper: Codec<bigint> = {
  minBytes: 8,
  decode: (from) => from.uint64(),
  encode: (to, value) => {
    if (BigInt.asUintN(64, value) !== value) throw outOfRange(value);
    to.uint64(value);
  },
};

/** IEEE 754, 64 bits. */
export const double: Codec<number> = {
  minBytes: 8,
  decode: (from) => from.double(),
  encode: (to, value) => {
    to.double(value);
  },
};

/**
 * Any number but 0 is true, as for libvirt: go-libvirt writes some with their bytes the other way
 * round. What is written is 0 or 1.
 */
export const bool: Codec<boolean> = {
  minBytes: 4,
  decode: (from) => from.uint32() !== 0,
  encode: (to, value) => {
    to.uint32(value ? 1 : 0);
  },
};

/** UTF-8 without NUL, of at most `maxBytes` bytes. */
export function string(maxBytes: number): Codec<string> {
  return {
    minBytes: 4,
    decode: (from) => textOf(from.opaque(lengthOf("a string", from.uint32(), maxBytes))),
    encode: (to, value) => {
      const bytes = Buffer.from(value, "utf8");
      if (value.includes("\0")) throw new RpcFault("invalid", "a string with a NUL byte");
      to.uint32(lengthOf("a string", bytes.length, maxBytes));
      to.opaque(bytes);
    },
  };
}

/** Bytes whose number the protocol fixes. Padding follows, no length leads. */
export function opaque(length: number): Codec<Buffer> {
  return {
    minBytes: length,
    decode: (from) => from.opaque(length),
    encode: (to, value) => {
      if (value.length !== length)
        throw new RpcFault("invalid", `${value.length} bytes where ${length} belong`);
      to.opaque(value);
    },
  };
}

/** `type name<maxItems>`: a count and the items. */
export function array<Item>(item: Codec<Item>, maxItems: number): Codec<readonly Item[]> {
  return {
    minBytes: 4,
    decode: (from) => {
      const count = lengthOf("an array", from.uint32(), maxItems);
      // Nobody gets memory for a million items with a frame of four bytes.
      if (count * item.minBytes > from.left)
        throw new RpcFault("truncated", `${count} items are told of, ${from.left} bytes are left`);
      return Array.from({ length: count }, () => item.decode(from));
    },
    encode: (to, value) => {
      to.uint32(lengthOf("an array", value.length, maxItems));
      for (const each of value) item.encode(to, each);
    },
  };
}

/** `type name[count]`: items whose number the protocol fixes. */
export function items<Item>(item: Codec<Item>, count: number): Codec<readonly Item[]> {
  return {
    minBytes: count * item.minBytes,
    decode: (from) => Array.from({ length: count }, () => item.decode(from)),
    encode: (to, value) => {
      if (value.length !== count)
        throw new RpcFault("invalid", `${value.length} items where ${count} belong`);
      for (const each of value) item.encode(to, each);
    },
  };
}

/** `type *name`: whether there is a value, and the value. */
export function optional<Value>(codec: Codec<Value>): Codec<Value | undefined> {
  return {
    minBytes: 4,
    decode: (from) => (bool.decode(from) ? codec.decode(from) : undefined),
    encode: (to, value) => {
      bool.encode(to, value !== undefined);
      if (value !== undefined) codec.encode(to, value);
    },
  };
}

/** The fields of a `struct`, in the order of the wire. */
export function struct<Fields extends Readonly<Record<string, Codec<unknown>>>>(
  fields: Fields,
): Codec<{ readonly [Name in keyof Fields]: ValueOf<Fields[Name]> }> {
  type Value = { readonly [Name in keyof Fields]: ValueOf<Fields[Name]> };
  const entries = Object.entries(fields);
  return {
    minBytes: entries.reduce((sum, [, codec]) => sum + codec.minBytes, 0),
    decode: (from) =>
      Object.fromEntries(entries.map(([name, codec]) => [name, codec.decode(from)])) as Value,
    encode: (to, value) => {
      for (const [name, codec] of entries) codec.encode(to, value[name]);
    },
  };
}

/** A value that is something else here than on the wire. Both functions may throw `RpcFault`. */
export function mapped<Wire, Value>(
  codec: Codec<Wire>,
  fromWire: (wire: Wire) => Value,
  toWire: (value: Value) => Wire,
): Codec<Value> {
  return {
    minBytes: codec.minBytes,
    decode: (from) => fromWire(codec.decode(from)),
    encode: (to, value) => {
      codec.encode(to, toWire(value));
    },
  };
}

/** One of several forms, each under its number: `union`. `tag` tells the form of a value. */
export function union<Forms extends Readonly<Record<number, Codec<unknown>>>>(
  forms: Forms,
): Codec<
  {
    readonly [Tag in keyof Forms]: { readonly type: Tag; readonly value: ValueOf<Forms[Tag]> };
  }[keyof Forms]
> {
  type Value = { readonly type: keyof Forms; readonly value: ValueOf<Forms[keyof Forms]> };
  const formOf = (type: number): Codec<unknown> => {
    const form = Object.hasOwn(forms, type) ? forms[type] : undefined;
    if (form) return form;
    throw new RpcFault("invalid", `there is no form ${type} of this value`);
  };
  return {
    minBytes: 4 + Math.min(...Object.values(forms).map(({ minBytes }) => minBytes)),
    decode: (from) => {
      const type = from.int32();
      return { type, value: formOf(type).decode(from) } as unknown as Value;
    },
    encode: (to, { type, value }) => {
      to.int32(Number(type));
      formOf(Number(type)).encode(to, value);
    },
  };
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function textOf(bytes: Buffer): string {
  if (bytes.includes(0)) throw new RpcFault("invalid", "a string with a NUL byte");
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new RpcFault("invalid", "a string that is not UTF-8");
  }
}

function lengthOf(what: string, length: number, most: number): number {
  if (length <= most) return length;
  throw new RpcFault("too-long", `${what} of ${length}, where ${most} is the most`);
}

function inRange(value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw outOfRange(value);
}

function outOfRange(value: number | bigint): RpcFault {
  return new RpcFault("invalid", `${value} is out of range`);
}
