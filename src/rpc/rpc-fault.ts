/** What is wrong with bytes that the protocol does not allow. */
export type RpcFaultKind =
  /** There are fewer bytes than a value needs. */
  | "truncated"
  /** There are bytes behind the last value. */
  | "trailing"
  /** A frame, string or array is longer than the protocol allows. */
  | "too-long"
  /** A value that cannot be: text that is not UTF-8, a type that there is not. */
  | "invalid";

/** Bytes from a peer, or a value that is to become bytes, break libvirt's protocol. */
export class RpcFault extends Error {
  override readonly name = "RpcFault";

  constructor(
    readonly kind: RpcFaultKind,
    message: string,
  ) {
    super(message);
  }
}
