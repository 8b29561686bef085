/** libvirt's remote protocol as data: frames, XDR, and the calls that domsnap speaks. No sockets. */
export * from "./frame.js";
export { apiNameOf } from "./protocol/api-names.js";
export * from "./protocol/procedure.js";
export * from "./protocol/procedures.js";
export * from "./protocol/programs.js";
export * from "./protocol/types.js";
export * from "./rpc-fault.js";
export { decode, encode, type Codec, type ValueOf } from "./xdr/codec.js";
