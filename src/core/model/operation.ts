import type { DomainDefinition } from "./domain.js";
import type { DomainSnapshot } from "./snapshot.js";
import type { ImageRef } from "./storage.js";

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
  /**
   * With `keepsPath`: what the base has and the overlay does not is pulled up into the overlay, which
   * then backs on this image. Else the overlay is written down into the base.
   */
  readonly streamOnto?: ImageRef;
  /** How much there is to copy, at most, when this was planned. */
  readonly bytes?: number;
}

/** What is taken of an active guest at one instant. */
export interface Capture {
  readonly snapshot: string;
  /** Disks that the hypervisor itself freezes: overlays, and snapshots inside of images. */
  readonly disks: readonly SnapshotStep[];
  readonly memory?:
    | { readonly mode: "internal" }
    | {
        readonly mode: "external";
        /** Absolute path. */
        readonly file: string;
        readonly fileBefore: "absent" | "empty";
      };
  /** Whether the guest is to run afterwards. */
  readonly resume: boolean;
  /** Rather let the guest run while its memory is saved, even if the state taken is a later one. */
  readonly live: boolean;
  /** The `domain.pause` before has saved the memory already. */
  readonly memorySaved?: boolean;
}

/** Where a guest's memory is kept that it starts from. */
export type StartMemory =
  | { readonly mode: "external"; readonly file: string }
  | {
      readonly mode: "internal";
      /** Name of the snapshot in the images. */
      readonly snapshot: string;
      readonly disks: readonly { readonly target: string; readonly image: ImageRef }[];
    };

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
      /** The guest still has the images open; it is stopped when all is staged. */
      readonly open?: boolean;
    }
  /** Switch to what was staged. Short, repeatable, never undone. */
  | {
      readonly kind: "disks.revert";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly RevertStep[];
      /** The guest had the images open when this was planned; it is stopped before. */
      readonly open?: boolean;
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
  | {
      readonly kind: "domain.start";
      readonly paused: boolean;
      /** Go on from saved memory. Such a start leaves the guest paused, so that it can be repeated. */
      readonly memory?: StartMemory;
      /** What to start with instead of the stored definition. */
      readonly definition?: DomainDefinition;
    }
  | { readonly kind: "domain.stop" }
  | {
      readonly kind: "domain.pause";
      /** Save the memory in the act of pausing (`Toolstack.pausesToSave`). */
      readonly save?: Pick<Capture, "snapshot" | "memory">;
    }
  | { readonly kind: "domain.resume" }
  /**
   * Let the guest's agent freeze its file systems. Undo: thaw them. Whatever happens between, the
   * plan that has this is either carried to its `domain.thaw` or undone, after a crash too.
   */
  | { readonly kind: "domain.quiesce" }
  /** Thaw the guest's file systems, and see that it has happened. Repeatable. */
  | { readonly kind: "domain.thaw" }
  /**
   * Make ready, while the guest runs, all that `domain.capture` needs and that takes long or can
   * fail. Undo: remove what was made.
   */
  | ({ readonly kind: "domain.prepare-capture" } & Capture)
  /**
   * Take disks and memory of an active guest at one instant, and let it go on. Undo: give up what
   * was taken; the guest goes on from its present state.
   */
  | ({ readonly kind: "domain.capture" } & Capture)
  /** Merge overlays that the running guest has open. Repeatable, never undone. */
  | {
      readonly kind: "domain.merge";
      readonly snapshot: string;
      readonly disks: readonly MergeStep[];
      /** Whether the guest is to run afterwards: it stands still while it changes its image. */
      readonly resume: boolean;
    }
  /** Drop internal snapshots of images that the running guest has open. Repeatable, never undone. */
  | {
      readonly kind: "domain.remove";
      readonly snapshot: string;
      readonly disks: readonly RemoveStep[];
    }
  /** Unlink a file with a guest's memory. Repeatable, never undone. */
  | { readonly kind: "domain.discard-memory"; readonly file: string }
  /** Undo: put `previous` back, or remove the record when there was none. */
  | {
      readonly kind: "record.write";
      readonly snapshot: DomainSnapshot;
      readonly previous?: DomainSnapshot;
    }
  /** Create many records that did not exist, at the price of few. Undo: remove them again. */
  | { readonly kind: "records.add"; readonly snapshots: readonly DomainSnapshot[] }
  | { readonly kind: "record.remove"; readonly name: string }
  /** Set the current snapshot, or none. */
  | { readonly kind: "record.current"; readonly name?: string };

export type OperationKind = Operation["kind"];
export type OperationOf<Kind extends OperationKind> = Extract<Operation, { readonly kind: Kind }>;
export type DiskOperation = Extract<Operation, { readonly backend: BackendId }>;
/** Work on an active guest's own disks and memory, for toolstacks that can (`captures`). */
export type LiveOperation = OperationOf<
  | "domain.quiesce"
  | "domain.thaw"
  | "domain.prepare-capture"
  | "domain.capture"
  | "domain.merge"
  | "domain.remove"
  | "domain.discard-memory"
>;
export type DomainOperation =
  | OperationOf<"domain.define" | "domain.start" | "domain.stop" | "domain.pause" | "domain.resume">
  | LiveOperation;

export type Verb = "create" | "redefine" | "import" | "revert" | "delete" | "undefine";

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
