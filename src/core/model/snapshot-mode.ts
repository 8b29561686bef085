/** Whether and where a disk's state is kept: `disk/@snapshot` of libvirt. */
export const SNAPSHOT_MODES = ["no", "internal", "external", "manual"] as const;
/** Whether and where a snapshot keeps a disk's state; see `SNAPSHOT_MODES`. */
export type SnapshotMode = (typeof SNAPSHOT_MODES)[number];
