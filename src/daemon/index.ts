/** A daemon that answers clients of libvirt: `domsnap serve`. */
export { startDaemon, type Daemon, type DaemonOptions } from "./daemon.js";
export type { SocketPlace } from "./unix-socket.js";
export type { Limits } from "./limits.js";
export type { Log } from "./log.js";
