import type { DomainDisk, ImageFormat, ImageRef, Offer, SnapshotForm } from "../model/index.js";
import type { BackendId } from "../model/operation.js";
import type { ImageInfo } from "./image-inspector.js";
import type { DiskOperations } from "./operation-handler.js";
import type { StateStorage } from "./state-storage.js";

/** What is wished of one disk. */
export interface DiskWish extends SnapshotForm {
  readonly verb: "create" | "revert" | "delete";
  /** Whether the guest has the disk open. */
  readonly live: boolean;
  /** Live only: the toolstack freezes, merges and stops (`Toolstack.live`). */
  readonly captured?: boolean;
  /** External only: what the backend makes that would carry it out; missing where none is told. */
  readonly externalKind?: ExternalKind;
}

/**
 * What an external snapshot makes. `overlay`: the domain goes on in the new file, the old one
 * freezes. `copy`: the new file is the frozen state, the domain keeps its image.
 */
export type ExternalKind = "overlay" | "copy";

/** A yes, or a no with its reason and what would lift it. */
export type DiskVerdict =
  | { readonly possible: true }
  | { readonly possible: false; readonly reason: string; readonly remedy: string };

/**
 * Who a backend is and what it is for: all that a choice between backends is made from. Pure.
 */
export interface BackendProfile {
  /** Unique among all backends: lower case letters, digits, and single dashes between them. */
  readonly id: BackendId;
  /** What it does, in a few words: `whole copies of raw images`. */
  readonly summary: string;
  readonly externalKind: ExternalKind;
  /** Format of the file that an external snapshot makes when the document names none. */
  readonly defaultFormat: ImageFormat;
  /**
   * Whether it keeps such a disk in such a form, and how well that suits it. Decided from the two
   * descriptions alone: what may change (tools, files, space, users) is for `assess`.
   */
  readonly offer: (disk: DomainDisk, form: SnapshotForm) => Offer | undefined;
  /** The forms that are worth telling of for this disk, possible or not. */
  readonly forms: (disk: DomainDisk) => readonly SnapshotForm[];
}

/**
 * One way of keeping the states of disks. Registered under the identifier of the same name; an
 * outside package adds one by an inversify ContainerModule and proves it with
 * `describeDiskBackend` from `domsnap/testing`.
 */
export interface DiskBackend extends BackendProfile {
  /**
   * Overlays only. True: unless the document names the overlay, it takes the path of the image and
   * the frozen image gets the generated name, so that whoever uses the path need not be told; a
   * revert puts the new overlay there, too; and merged content stays at the path of the overlay.
   */
  readonly keepsPaths?: boolean;
  /** Where its states stand if they are no files; what it makes there has the type `block`. */
  readonly storage?: StateStorage;
  /** How many images may stand on one another; missing when there is no limit. */
  readonly longestChain?: number;
  /** Whether it can be done here and now: tools, formats, files, users, free space. Read-only. */
  assess(disk: DomainDisk, wish: DiskWish): Promise<DiskVerdict>;
  /** What an image says that it keeps; of others see `ImageInspector`. Throws `image-missing`. */
  inspect(image: ImageRef): Promise<ImageInfo>;
  /**
   * Absolute paths of the images that back on `image`: found in its folder and among `candidates`,
   * further images that the caller knows of.
   */
  findDependents(image: ImageRef, candidates?: readonly string[]): Promise<readonly string[]>;
  /** Carries out the `disks.*` operations that name this backend. */
  readonly operations: DiskOperations;
}
export const DiskBackend = Symbol.for("domsnap.DiskBackend");
