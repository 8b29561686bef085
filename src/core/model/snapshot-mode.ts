/** Whether and where a disk's state is kept: `disk/@snapshot` of libvirt. */
export const SNAPSHOT_MODES = ["no", "internal", "external", "manual"] as const;
export type SnapshotMode = (typeof SNAPSHOT_MODES)[number];
