import { blktapProfile } from "./plugins/blktap/blktap-profile.js";
import { ddProfile } from "./plugins/dd/dd-profile.js";
import { qdiskProfile } from "./plugins/qdisk/qdisk-profile.js";
import {
  translateSnapshot as translate,
  type Translation,
  type TranslationInput,
} from "./xl-snapshot/index.js";

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
  type FromToolstackOptions,
  type ToolstackDiskSnapshot,
  type ToolstackSnapshot,
  type ToolstackState,
  type Translation,
} from "./xl-snapshot/index.js";
export { formatDisk, parseDisk } from "./xml/index.js";

/** See `translateSnapshot`; without a word of them, the backends are those of domsnap. */
export type TranslationRequest = Omit<TranslationInput, "backends"> &
  Partial<Pick<TranslationInput, "backends">>;

/**
 * What a Xen toolstack needs to take a snapshot that a libvirt document asks for: its disks
 * aligned with the domain, the operations, and the toolstack's own descriptions. Pure: looks at no
 * file and needs no hypervisor. Throws libvirt's errors for a document that does not fit.
 */
export function translateSnapshot(request: TranslationRequest): Translation {
  return translate({ backends: [blktapProfile, ddProfile, qdiskProfile], ...request });
}
