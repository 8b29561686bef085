import type { LockOptions } from "./domain-guard.js";

/** An image that a plan is going to use. */
export interface ImageClaim {
  /** The same for all names of an image; see `HostFiles.thing`. */
  readonly thing: string;
  /** One of its names, for people. */
  readonly place: string;
  /** It is read only: others may read it meanwhile, too. */
  readonly shared: boolean;
}

/** Whoever claims images, and since when it has looked at them. */
export interface ImageUser {
  /** In words, for whoever waits: `domain 'vm1'`. */
  readonly name: string;
  /** Tells it from all others. */
  readonly token: string;
  /** By `ImageLocks.now`. */
  readonly since: bigint;
}

/**
 * Locks on images, beside the lock of a domain: two domains may share an image. They hold for one
 * host, and vanish with their holder and the programs that it has started on images.
 */
export interface ImageLocks {
  /** A clock that all processes of the host have in common and that nobody sets. */
  now(): bigint;
  /**
   * Runs `work` while nobody else has what it claims. All are taken or none, so nobody who waits holds
   * what others wait for. Gives the place of an image that others have changed since the user has
   * looked; `work` is then not called. Throws `locked` when the time is up, and `cancelled`.
   */
  run<Result>(
    claims: readonly ImageClaim[],
    user: ImageUser,
    options: LockOptions,
    work: () => Promise<Result>,
  ): Promise<{ readonly result: Result } | { readonly overtaken: string }>;
}
export const ImageLocks = Symbol.for("domsnap.ImageLocks");
