import type { Codec } from "../xdr/codec.js";

/** What a connection has to be to make a call. */
export type Access =
  /** Any, also one that has not been opened. */
  | "any"
  /** Opened, read-only or not. */
  | "read"
  /** Opened for changes. */
  | "write";

/** One call of program `remote`: its number, what goes there and comes back, and who may make it. */
export interface Procedure<Args, Result> {
  readonly number: number;
  /** The function of libvirt, as errors name it. */
  readonly api: string;
  readonly args: Codec<Args>;
  readonly result: Codec<Result>;
  readonly access: Access;
}

/** Makes an entry of the table. */
export function procedure<Args, Result>(
  number: number,
  api: string,
  args: Codec<Args>,
  result: Codec<Result>,
  access: Access,
): Procedure<Args, Result> {
  return { number, api, args, result, access };
}

/** What a procedure is called with. */
export type ArgsOf<Of> = Of extends Procedure<infer Args, infer _> ? Args : never;
/** What a procedure gives back. */
export type ResultOf<Of> = Of extends Procedure<infer _, infer Result> ? Result : never;
