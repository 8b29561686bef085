/** The programs that libvirt's daemons speak on one connection. */
export const PROGRAM = {
  remote: 0x2000_8086,
  qemu: 0x2000_8087,
  lxc: 0x0006_8000,
  keepalive: 0x6b65_6570,
} as const;

/** Of all of them. */
export const PROGRAM_VERSION = 1;

/** Procedures of the program `keepalive`: messages without payload; each ping wants a pong. */
export const KEEPALIVE = { ping: 1, pong: 2 } as const;

/** What a client asks of a connection by CONNECT_SUPPORTS_FEATURE; libvirt: virDrvFeature. */
export const FEATURE = {
  fdPassing: 8,
  typedParamString: 9,
  keepalive: 10,
  /** Events carry the id of the registration that they are for. */
  eventCallback: 14,
  closeCallback: 15,
  typedParamStringAlways: 16,
} as const;
