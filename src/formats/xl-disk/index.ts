export { formatBlockTapTarget, isBlockTap, readBlockTap } from "./block-tap.js";
export { diskOfDiskSnapshot, diskSnapshotOfDisk } from "./disk-snapshot.js";
export { domainDiskOfXlDisk, xlDiskOfDomainDisk } from "./domain-disk.js";
export { formatXlDisk } from "./format-xl-disk.js";
export { parseXlDisk } from "./parse-xl-disk.js";
export { libxlDiskSchema, xlDiskFromJson, xlDiskToJson, type LibxlDisk } from "./xl-disk-json.js";
export type { XlBackend, XlDisk, XlDiskFormat } from "./xl-disk.js";
