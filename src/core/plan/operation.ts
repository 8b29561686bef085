import type { DomainDefinition, DomainSnapshot, ImageRef } from "../model/index.js";

/** Name of a disk backend: `dd`, `qdisk`, `blktap`, or that of an outside package. */
export type BackendId = string;

/** One disk of a group that is frozen together. */
export interface SnapshotStep {
  readonly target: string;
  readonly mode: "internal" | "external";
  /** The image that the domain uses now; its content is what the snapshot keeps. */
  readonly image: ImageRef;
  /** External: the file to make. An overlay above `image`, or a frozen copy of it. */
  readonly file?: ImageRef;
  /** The other name that `image` gets, where the overlay (`file`) takes its path. */
  readonly freezeAs?: ImageRef;
  /** What stood at `freezeAs` or `file` when planned; undo never removes what it did not make. */
  readonly fileBefore?: "absent" | "empty" | "reused";
}

/** One disk to put back. */
export interface RevertStep {
  readonly target: string;
  readonly mode: "internal" | "external";
  /** Copy: the image to overwrite. Overlay: the frozen image to build on. Internal: the image. */
  readonly image: ImageRef;
  /** Copy: the frozen copy to read. Overlay: the new overlay to make; it may replace the present. */
  readonly file?: ImageRef;
}

/** One disk whose part of a snapshot is thrown away without touching other states. */
export interface RemoveStep {
  readonly target: string;
  readonly mode: "internal" | "external";
  /** Internal: the image that holds the snapshot. Copy: the image it was made from. */
  readonly image: ImageRef;
  /** Copy: the file to unlink. */
  readonly file?: ImageRef;
}

/** One overlay to write down into its backing image. */
export interface MergeStep {
  readonly target: string;
  /** Holds the frozen state that is given up; receives the content of `overlay`. */
  readonly base: ImageRef;
  readonly overlay: ImageRef;
  /** Images that back on `overlay` and have to back on `base` afterwards. */
  readonly relink: readonly ImageRef[];
  /** The merged content stays at the path of `overlay`, and that of `base` is free afterwards. */
  readonly keepsPath?: boolean;
}

/**
 * What a plan is made of. Plain data: an operation can be printed, journalled, run again after a
 * crash, and handed to another process. Each kind has one handler in a plugin or in the core.
 */
export type Operation =
  /** Freeze a coherent group of disks. Undo: remove what was made. */
  | {
      readonly kind: "disks.snapshot";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly SnapshotStep[];
    }
  /** Make ready all that a revert needs and that can fail, beside the present state. */
  | {
      readonly kind: "disks.stage";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly RevertStep[];
    }
  /** Switch to what was staged. Short, repeatable, never undone. */
  | {
      readonly kind: "disks.revert";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly RevertStep[];
    }
  /** Drop internal snapshots and frozen copies. Repeatable, never undone. */
  | {
      readonly kind: "disks.remove";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly RemoveStep[];
    }
  /** Merge overlays into their backing images. Repeatable, never undone. */
  | {
      readonly kind: "disks.merge";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly MergeStep[];
    }
  /** Unlink overlays that nothing refers to any more; one that is still backed on is left and told. */
  | {
      readonly kind: "disks.discard";
      readonly backend: BackendId;
      readonly files: readonly ImageRef[];
    }
  /** Replace the domain's stored definition. Undo: put `previous` back. */
  | {
      readonly kind: "domain.define";
      readonly definition: DomainDefinition;
      readonly previous: DomainDefinition;
    }
  | { readonly kind: "domain.start"; readonly paused: boolean }
  | { readonly kind: "domain.stop" }
  | { readonly kind: "domain.pause" }
  | { readonly kind: "domain.resume" }
  /** Undo: put `previous` back, or remove the record when there was none. */
  | {
      readonly kind: "record.write";
      readonly snapshot: DomainSnapshot;
      readonly previous?: DomainSnapshot;
    }
  | { readonly kind: "record.remove"; readonly name: string }
  /** Set the current snapshot, or none. */
  | { readonly kind: "record.current"; readonly name?: string };

export type OperationKind = Operation["kind"];
export type OperationOf<Kind extends OperationKind> = Extract<Operation, { readonly kind: Kind }>;
export type DiskOperation = Extract<Operation, { readonly backend: BackendId }>;
export type DomainOperation = OperationOf<
  "domain.define" | "domain.start" | "domain.stop" | "domain.pause" | "domain.resume"
>;

export type Verb = "create" | "redefine" | "revert" | "delete" | "undefine";

/**
 * What one call will do, in order. Operations before `commitAt` are undone when something fails or
 * when the process dies; from `commitAt` on everything is carried through, by recovery if need be.
 */
export interface Plan {
  readonly verb: Verb;
  readonly domain: { readonly name: string; readonly uuid: string };
  readonly snapshot: string;
  readonly operations: readonly Operation[];
  readonly commitAt: number;
  /** Sentences for the user: what is kept, what is not covered, what will take long. */
  readonly warnings: readonly string[];
}
