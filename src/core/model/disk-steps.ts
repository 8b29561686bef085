import type { ImageRef } from "./storage.js";

/** What stood at the place of a new file when it was planned; undo never removes what it did not make. */
export type FileBefore = "absent" | "empty" | "reused";

/** One disk of a group that is frozen together, by the way in which its state is kept. */
export type SnapshotStep =
  | SnapshotInside
  | SnapshotCopy
  | SnapshotOverlay
  /** The image freezes under another name, and the overlay takes its path. */
  | {
      readonly keeps: "renamed";
      readonly target: string;
      /** The image that the domain uses now. */
      readonly image: ImageRef;
      /** The same image under the name that it has afterwards. */
      readonly frozen: ImageRef;
      readonly overlay: ImageRef;
      /** What stood at the path of `frozen`. */
      readonly before: FileBefore;
    };

/** The state stays inside of the image, as a snapshot of the image's own format. */
export interface SnapshotInside {
  readonly keeps: "inside";
  readonly target: string;
  readonly image: ImageRef;
}

/** A file of its own gets the state; the domain keeps its image. */
export interface SnapshotCopy {
  readonly keeps: "copy";
  readonly target: string;
  readonly image: ImageRef;
  readonly copy: ImageRef;
  /** What stood at the path of `copy`. */
  readonly before: FileBefore;
}

/** The image freezes where it is, and the domain goes on in an overlay above it. */
export interface SnapshotOverlay {
  readonly keeps: "overlay";
  readonly target: string;
  readonly image: ImageRef;
  readonly overlay: ImageRef;
  /** What stood at the path of `overlay`. */
  readonly before: FileBefore;
}

/** What a hypervisor can freeze of an image that its guest has open. */
export type CaptureStep = SnapshotInside | SnapshotOverlay;

/** One disk to put back, by the way in which the state is kept. */
export type RevertStep =
  | { readonly keeps: "inside"; readonly target: string; readonly image: ImageRef }
  | {
      readonly keeps: "copy";
      readonly target: string;
      /** The image of the domain, which the content of `copy` replaces. */
      readonly image: ImageRef;
      readonly copy: ImageRef;
    }
  | {
      readonly keeps: "overlay";
      readonly target: string;
      /** The frozen image, which stays as it is. */
      readonly image: ImageRef;
      /** The overlay to make; it may replace the present one. */
      readonly overlay: ImageRef;
    };

/** One disk whose part of a snapshot is thrown away without touching other states. */
export type RemoveStep =
  | { readonly keeps: "inside"; readonly target: string; readonly image: ImageRef }
  | {
      readonly keeps: "copy";
      readonly target: string;
      /** The image that the copy was made from. */
      readonly image: ImageRef;
      /** The file to unlink. */
      readonly copy: ImageRef;
    };

/** An overlay and the frozen image below it, of which one is to be left. */
export type MergeStep = {
  readonly target: string;
  /** Holds the frozen state that is given up. */
  readonly base: ImageRef;
  readonly overlay: ImageRef;
  /** Images that back on `overlay` and have to back on what is left afterwards. */
  readonly relink: readonly ImageRef[];
  /** How much there is to copy, at most, when this was planned. */
  readonly bytes?: number;
} & (
  | {
      /**
       * `base`: the overlay is written down into the base, and is free afterwards. `renamed`: the
       * same, and the base then takes the path of the overlay.
       */
      readonly into: "base" | "renamed";
    }
  | {
      /** What only the base has is pulled up into the overlay, and the base is free afterwards. */
      readonly into: "overlay";
      /** The image below the base, on which the overlay then backs. */
      readonly onto: ImageRef;
    }
);

/** The image of a merge that is left without use. */
export function emptiedBy({ into, base, overlay }: MergeStep): ImageRef {
  return into === "base" ? overlay : base;
}
