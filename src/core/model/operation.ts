import type {
  CaptureStep,
  FileBefore,
  MergeStep,
  RemoveStep,
  RevertStep,
  SnapshotInside,
  SnapshotStep,
} from "./disk-steps.js";
import type { DomainDefinition } from "./domain.js";
import type { DomainSnapshot } from "./snapshot.js";
import type { ImageRef } from "./storage.js";

/** Name of a disk backend: `dd`, `qdisk`, `blktap`, or that of an outside package. */
export type BackendId = string;

/** What is taken of an active guest at one instant. */
export interface Capture {
  readonly snapshot: string;
  /** Disks that the hypervisor itself freezes: overlays, and snapshots inside of images. */
  readonly disks: readonly CaptureStep[];
  readonly memory?:
    | { readonly mode: "internal"; readonly bytes?: number }
    | {
        readonly mode: "external";
        /** Absolute path. */
        readonly file: string;
        readonly before: Exclude<FileBefore, "reused">;
        /** How much there is to write, at most, when this was planned; as for the other mode. */
        readonly bytes?: number;
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
      /** The guest has the images open, and is paused. */
      readonly open?: boolean;
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
  /** Switch to what was staged. Short, repeatable. */
  | {
      readonly kind: "disks.revert";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly RevertStep[];
      /** The guest had the images open when this was planned; it is stopped before. */
      readonly open?: boolean;
    }
  /** Drop internal snapshots and frozen copies. Repeatable. */
  | {
      readonly kind: "disks.remove";
      readonly backend: BackendId;
      readonly snapshot: string;
      readonly disks: readonly RemoveStep[];
    }
  /** Merge overlays into their backing images. Repeatable. */
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
  /** Merge overlays that the running guest has open. Repeatable. */
  | {
      readonly kind: "domain.merge";
      readonly snapshot: string;
      readonly disks: readonly MergeStep[];
      /** Whether the guest is to run afterwards: it is paused while it changes its image. */
      readonly resume: boolean;
    }
  /** Drop internal snapshots of images that the running guest has open. Repeatable. */
  | {
      readonly kind: "domain.remove";
      readonly snapshot: string;
      readonly disks: readonly SnapshotInside[];
    }
  /** Unlink a file with a guest's memory. Repeatable. */
  | { readonly kind: "domain.discard-memory"; readonly file: string }
  /** Happens at once or not at all. */
  | { readonly kind: "record.write"; readonly snapshot: DomainSnapshot }
  /** Create many records that did not exist, at the price of few. Undo: remove them again. */
  | { readonly kind: "records.add"; readonly snapshots: readonly DomainSnapshot[] }
  | { readonly kind: "record.remove"; readonly name: string }
  /** Set the current snapshot, or none. */
  | { readonly kind: "record.current"; readonly name?: string };

/** What an operation is: `disks.snapshot`, `domain.define`, ... */
export type OperationKind = Operation["kind"];
/** The operation of one kind. */
export type OperationOf<Kind extends OperationKind> = Extract<Operation, { readonly kind: Kind }>;
/** Those that a disk backend carries out. */
export type DiskOperation = Extract<Operation, { readonly backend: BackendId }>;
/** Those that a toolstack carries out. */
export type DomainOperation = Extract<Operation, { readonly kind: `domain.${string}` }>;
/** Those on the records of snapshots, which domsnap carries out by the store. */
export type RecordOperation = Extract<Operation, { readonly kind: `record${string}` }>;

/** What can be taken back, and so can stand before the commit point. */
export type UndoableKind =
  | "disks.snapshot"
  | "disks.stage"
  | "domain.define"
  | "domain.pause"
  | "domain.quiesce"
  | "domain.prepare-capture"
  | "domain.capture"
  | "records.add";

/** What lets a guest go on. There is nothing to take back, so it can stand in both halves. */
type ReleasingKind = "domain.resume" | "domain.thaw";

/** What may stand before the commit point of a plan. */
export type UndoableOperation = OperationOf<UndoableKind | ReleasingKind>;
/** What may stand behind the commit point of a plan. */
export type ForwardOperation = OperationOf<Exclude<OperationKind, UndoableKind> | "domain.define">;

/** What a plan is for. */
export type Verb = "create" | "redefine" | "import" | "revert" | "delete" | "undefine";

/**
 * What one call will do, in order, in two halves with the commit point between them. When something
 * fails, or when the process dies, what was begun of the first half is undone; as soon as the second
 * half has begun everything is carried through, by recovery if need be.
 */
export interface Plan {
  readonly verb: Verb;
  readonly domain: { readonly name: string; readonly uuid: string };
  readonly snapshot: string;
  readonly before: readonly UndoableOperation[];
  readonly after: readonly ForwardOperation[];
  /** Sentences for the user: what is kept, what is not covered, what will take long. */
  readonly warnings: readonly string[];
}
