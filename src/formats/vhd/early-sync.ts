import type { ImageFile } from "./image-files.js";

/**
 * Small enough that the disk has work from early on, large enough that what each sync writes of the
 * file system's own books does not matter.
 */
const DEFAULT_PORTION_BYTES = 32 * 1024 * 1024;

/**
 * Lets the disk write while the next data are being copied: without it the kernel collects them in
 * memory, and the sync at the end has to wait for all of them. Promises nothing about durability by
 * itself; whoever needs that syncs the file once more.
 */
export class EarlySync {
  #unsyncedBytes = 0;
  #running: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(
    private readonly file: ImageFile,
    private readonly portionBytes = DEFAULT_PORTION_BYTES,
  ) {}

  /** Tells of bytes that were written; starts a sync when there are enough and none is under way. */
  wrote(bytes: number): void {
    this.#unsyncedBytes += bytes;
    if (this.#running || this.#unsyncedBytes < this.portionBytes) return;
    this.#unsyncedBytes = 0;
    this.#running = this.file
      .sync()
      // The kernel reports a failed write once: a later sync of this file would say that all is well.
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .then(() => {
        this.#running = undefined;
      });
  }

  /** Waits for the sync that is under way. Throws what any of them has failed with. */
  async end(): Promise<void> {
    await this.#running;
    if (this.#failure) throw this.#failure.error;
  }
}
