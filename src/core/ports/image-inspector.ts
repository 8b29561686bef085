import type { ImageFormat, ImageRef } from "../model/index.js";

/** A snapshot that an image itself contains; the fields of QEMU's SnapshotInfo. */
export interface ImageSnapshot {
  /** The number that the image gives it. Unique in one image, unlike the tag. */
  readonly id: string;
  readonly tag: string;
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  readonly vmStateBytes: number;
  readonly vmClockNanoseconds: bigint;
}

/** What an image says of itself. */
export interface ImageInfo {
  readonly path: string;
  readonly format: ImageFormat;
  readonly virtualSizeBytes: number;
  readonly allocatedBytes: number;
  /** The image below this one, as an absolute path. */
  readonly backing?: { readonly path: string; readonly format?: ImageFormat };
  readonly snapshots: readonly ImageSnapshot[];
  /** Names of the bitmaps in which it keeps what has changed since a backup; missing for none. */
  readonly bitmaps?: readonly string[];
}

/**
 * Something that is wrong with an image although it can be looked into. `damaged`: nothing may be built
 * on it; `unfinished`: whoever had it open last has not closed it, and the next change puts it right;
 * `leaks`: it takes room that nothing uses.
 */
export interface ImageFault {
  readonly kind: "damaged" | "unfinished" | "leaks";
  readonly reason: string;
  /** What to do for this very image. */
  readonly remedy: string;
}

/**
 * Looks into images of some formats, whoever keeps states of them. Registered under the identifier
 * of the same name. Changes nothing, and may be asked while a guest has the image open.
 */
export interface ImageInspector {
  /** Unique among all inspectors. */
  readonly id: string;
  /** What it reads, in a few words: `qcow2, qed and what else qemu-img reads`. */
  readonly summary: string;
  /** How well it reads images of a format, on the scale of `RANK`; undefined if it does not. Pure. */
  rank(format: ImageFormat): number | undefined;
  /** What the image says of itself. Throws `image-missing`, `disk-unsupported`. */
  inspect(image: ImageRef): Promise<ImageInfo>;
  /**
   * The image below, told by the image's own header alone: cheap enough to be asked of every image
   * of a connection. Undefined for what stands on nothing. Missing where `inspect` is as good.
   * Throws `image-missing`, `disk-unsupported`, and `system-error` for what cannot be read.
   */
  below?(image: ImageRef): Promise<ImageInfo["backing"]>;
  /**
   * Goes through all of an image that can be looked into, and what it stands on: whatever would make a
   * change refuse it. Takes as long as reading its tables. Finds nothing where a program has the image
   * open, since what is being written looks like damage. Missing where a format has nothing to tell.
   */
  examine?(image: ImageRef): Promise<readonly ImageFault[]>;
  /**
   * Absolute paths of images of its own formats that stand on `image`, which may be of any format:
   * found in its folder and among `candidates`, further images that the caller knows of.
   */
  findDependents(image: ImageRef, candidates?: readonly string[]): Promise<readonly string[]>;
}
export const ImageInspector = Symbol.for("domsnap.ImageInspector");
