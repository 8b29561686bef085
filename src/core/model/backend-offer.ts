import type { ImageFormat } from "./storage.js";

/** One way in which a snapshot can keep a disk. */
export interface SnapshotForm {
  readonly mode: "internal" | "external";
  /** `driver/@type` of the snapshot disk; missing means the backend's default. */
  readonly format?: ImageFormat;
}

/**
 * The scale on which backends say how well a disk suits them; any number between two steps may be
 * used, too. The highest rank is taken, and of equal ones the id that sorts first.
 */
export const RANK = {
  /** It cannot, and knows best why: it is asked only if nobody can, and `assess` tells the reason. */
  refuses: 0,
  /** It can, by means that any such image has (a copy of all bytes). */
  generic: 100,
  /** It can, by means of the image's format. */
  suited: 200,
  /** Whoever serves the disk (`driver/@name`), or stores it, has this way of keeping states. */
  native: 300,
} as const;

/** What a backend has to offer for one form of snapshot of one disk. */
export interface Offer {
  /** See `RANK`. */
  readonly rank: number;
  /** Why this rank, as half a sentence for people: `QEMU serves the disk`. */
  readonly reason: string;
}
