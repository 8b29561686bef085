import { RpcFault } from "../rpc-fault.js";
import {
  array,
  bool,
  double,
  hyper,
  int,
  mapped,
  opaque,
  optional,
  string,
  struct,
  uhyper,
  uint,
  union,
  type Codec,
  type ValueOf,
} from "../xdr/codec.js";

/** libvirt: REMOTE_STRING_MAX, in bytes. */
export const MAX_STRING_BYTES = 4_194_304;
/** libvirt: REMOTE_DOMAIN_LIST_MAX and REMOTE_DOMAIN_SNAPSHOT_LIST_MAX. */
export const MAX_LIST = 16_384;
/** libvirt: REMOTE_DOMAIN_JOB_STATS_MAX and the others of typed parameters, the largest of them. */
export const MAX_TYPED_PARAMS = 4096;

export const text = string(MAX_STRING_BYTES);

/** Sixteen bytes; here in lower case with dashes. */
export const uuid: Codec<string> = mapped(
  opaque(16),
  (bytes) => bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
  (value) => {
    const digits = value.replaceAll("-", "");
    if (!/^[0-9a-f]{32}$/i.test(digits)) throw new RpcFault("invalid", `'${value}' is no uuid`);
    return Buffer.from(digits, "hex");
  },
);

/** A domain as a client holds it. Its id is -1 while it is off; name and id may be out of date. */
export const domain = struct({ name: text, uuid, id: int });
export type WireDomain = ValueOf<typeof domain>;

/** A snapshot as a client holds it. */
export const snapshot = struct({ name: text, domain });
export type WireSnapshot = ValueOf<typeof snapshot>;

const network = struct({ name: text, uuid });

/** The payload of a reply whose status is error. */
export const wireError = struct({
  code: int,
  /** Who reports it; libvirt: virErrorDomain. */
  domain: int,
  /** Final, with its prefix: clients print it as it is. */
  message: optional(text),
  /** 2 is an error, 1 a warning. */
  level: int,
  on: optional(domain),
  /** The format that the message was made by, or a function. */
  str1: optional(text),
  /** What was put into the format. */
  str2: optional(text),
  str3: optional(text),
  int1: int,
  int2: int,
  network: optional(network),
});
export type WireError = ValueOf<typeof wireError>;

/** The forms of a typed parameter, by libvirt's virTypedParameterType. */
export const PARAM = {
  int: 1,
  uint: 2,
  hyper: 3,
  uhyper: 4,
  double: 5,
  bool: 6,
  string: 7,
} as const;

/** A named value of one of several types. */
export const typedParam = struct({
  field: text,
  value: union({ 1: int, 2: uint, 3: hyper, 4: uhyper, 5: double, 6: bool, 7: text }),
});
export type WireTypedParam = ValueOf<typeof typedParam>;

export const typedParams = array(typedParam, MAX_TYPED_PARAMS);
