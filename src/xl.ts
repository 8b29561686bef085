/**
 * Conversions between a disk or a snapshot and what toolstacks call them: a snapshot's disk, an xl
 * disk specification and libvirt's `<disk>`; a snapshot, the `libxl_domain_snapshot` with its
 * `libxl_disk_snapshot`s as JSON, and the information file of xl. Pure functions: nothing here
 * reads or writes a file, talks to a guest or opens a connection.
 */
export {
  diskOfDiskSnapshot,
  diskSnapshotOfDisk,
  domainDiskOfXlDisk,
  formatXlDisk,
  parseXlDisk,
  xlDiskFromJson,
  xlDiskOfDomainDisk,
  xlDiskToJson,
  type LibxlDisk,
  type XlBackend,
  type XlDisk,
  type XlDiskFormat,
} from "./formats/xl-disk/index.js";
export {
  formatInformationFile,
  formatLibxlSnapshot,
  fromToolstackSnapshot,
  parseInformationFile,
  parseLibxlSnapshot,
  toToolstackSnapshot,
  translateSnapshot,
  type FromToolstackOptions,
  type ToolstackDiskSnapshot,
  type ToolstackSnapshot,
  type ToolstackState,
  type Translation,
  type TranslationInput,
} from "./xl-snapshot/index.js";
export { formatDisk, parseDisk } from "./xml/index.js";
