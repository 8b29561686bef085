import type { DomainDefinition } from "./domain.js";
import type { SnapshotMode } from "./snapshot-mode.js";
import type { DiskSource, ImageFormat, StorageType } from "./storage.js";

/** libvirt's snapshot states in its enum order; `nostate` is only ever an input to refuse. */
export const SNAPSHOT_STATES = [
  "nostate",
  "running",
  "blocked",
  "paused",
  "shutdown",
  "shutoff",
  "crashed",
  "pmsuspended",
  "disk-snapshot",
] as const;
/** In which state the domain was when the snapshot was taken. */
export type SnapshotState = (typeof SNAPSHOT_STATES)[number];

/**
 * How far the content of a snapshot of a running guest can be trusted: what a power failure would
 * leave, quiesced file systems (frozen by the guest's agent), or disks and memory of one instant.
 */
export const CONSISTENCIES = ["crash-consistent", "filesystem", "memory"] as const;
/** How far the content of a snapshot can be trusted; see `CONSISTENCIES`. */
export type Consistency = (typeof CONSISTENCIES)[number];

/** What a snapshot says of one disk: `<disk>` below `<disks>` or `<revertDisks>`. */
export interface DiskSnapshot {
  /** Target name (`vda`) once aligned; as written (a target or an absolute path) before. */
  readonly name: string;
  /** Missing only before alignment. */
  readonly mode?: SnapshotMode;
  readonly type: StorageType;
  readonly format?: ImageFormat;
  /** `driver/metadata_cache/max_size`, in bytes. */
  readonly metadataCacheMaxBytes?: bigint;
  /** External only: the file that belongs to this snapshot (overlay, or frozen copy). */
  readonly source?: DiskSource;
  /**
   * Id of the disk backend: whom the request names for this disk, and in a record who keeps it.
   * libvirt's document has no place for it; the record keeps it beside, as it does `consistency`.
   */
  readonly backend?: string;
  /**
   * External only: the file was there before and is the user's (`--reuse-external`): nothing ever
   * removes it. Kept beside, too.
   */
  readonly reused?: boolean;
  /** `<snapshotDeleteInProgress/>`: a merge into this image was begun and not finished. */
  readonly deleteInProgress?: boolean;
  /** Elements below it in a record that this version does not know, as text; see `SnapshotHead`. */
  readonly unknownElements?: readonly string[];
}

/** `<memory>`: where the guest's RAM and device state went. */
export interface MemorySnapshot {
  readonly mode: "no" | "internal" | "external";
  /** Absolute path; external only. */
  readonly file?: string;
}

/** The light part of a snapshot: everything but the domain definitions. Enough to list and filter. */
export interface SnapshotHead {
  readonly name: string;
  readonly description?: string;
  readonly state?: SnapshotState;
  readonly parent?: string;
  /** Seconds since the epoch, a signed 64-bit number; 0 means unknown and is never printed. */
  readonly creationTime: bigint;
  /** Missing when the document has no (decided) `<memory>`. */
  readonly memory?: MemorySnapshot;
  readonly disks: readonly DiskSnapshot[];
  /** Overlays that a revert to this snapshot made while it had children (libvirt 9.9). */
  readonly revertDisks?: readonly DiskSnapshot[];
  /**
   * Of snapshots that domsnap took of a running guest. libvirt's document has no place for it: the
   * record keeps it beside, and no document that is printed or exported has it.
   */
  readonly consistency?: Consistency;
  /**
   * Whether domsnap took this snapshot itself. What such a record names is known to be the domain's;
   * what a document names that came from elsewhere is not. Kept beside the document, too.
   */
  readonly taken?: boolean;
  /**
   * What images call this snapshot, where that is not its name: it has been renamed since, and an
   * image cannot rename what it holds. Kept beside the document, too.
   */
  readonly imageTag?: string;
  /**
   * Overlays that domsnap made for this snapshot and that a revert has left, because something is
   * still kept in them. They go when nobody needs them any more. Kept beside the document, too.
   */
  readonly leftBehind?: readonly DiskSnapshot[];
  /**
   * What a later version of domsnap has noted beside the document and this one does not understand.
   * Kept as it is whenever the record is written.
   */
  readonly unknownNotes?: readonly string[];
  /**
   * Elements of a record that this version does not know, as text without indentation: another version
   * has written them. Kept whenever the record is written, and in no document that is printed.
   */
  readonly unknownElements?: readonly string[];
}

/** A complete `<domainsnapshot>`. */
export interface DomainSnapshot extends SnapshotHead {
  /** The definition that was live when the snapshot was taken. */
  readonly domain?: DomainDefinition;
  /** The uuid of a `<domain>` that holds nothing else (documents older than libvirt 0.9.5). */
  readonly domainUuid?: string;
  /** The next-boot definition, when it differed from the live one. */
  readonly inactiveDomain?: DomainDefinition;
  /** Driver-private `<cookie>` in libvirt's layout, carried through. */
  readonly cookie?: string;
}

/** What images call the internal snapshot of a record. */
export function tagOf({ name, imageTag }: Pick<SnapshotHead, "name" | "imageTag">): string {
  return imageTag ?? name;
}

/**
 * libvirt's notion of an external snapshot: the memory or any disk is kept outside of the images
 * that the guest uses. Everything else counts as internal.
 */
export function isExternalSnapshot(snapshot: SnapshotHead): boolean {
  return (
    snapshot.memory?.mode === "external" || snapshot.disks.some((disk) => disk.mode === "external")
  );
}
