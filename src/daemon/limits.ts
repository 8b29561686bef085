/** What one client, and all together, may take of the daemon. */
export interface Limits {
  /** Connections at once, of one socket; a further one is closed at once. */
  readonly clients: number;
  /** Calls of one client that are worked on at once; libvirtd: `max_client_requests`. */
  readonly callsAtOnce: number;
  /** Calls of one client that have been read; no more is read until some are answered. */
  readonly callsRead: number;
  /** Bytes that a client may leave unread before it is given up. */
  readonly unreadBytes: number;
  /** How long a client may take to open a connection. */
  readonly openingMs: number;
  /** Pings to clients that take them: how often, and how many may stay without any sign of life. */
  readonly keepaliveIntervalMs: number;
  readonly keepaliveCount: number;
}

/** As libvirtd has them, where it has them. */
export const DEFAULT_LIMITS: Limits = {
  clients: 1000,
  callsAtOnce: 5,
  callsRead: 64,
  unreadBytes: 64 * 1024 * 1024,
  openingMs: 60_000,
  keepaliveIntervalMs: 5000,
  keepaliveCount: 5,
};
