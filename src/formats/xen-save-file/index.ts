export { changeConfigDisks, renewGenerationId, type DiskChange } from "./config-disks.js";
export {
  formatSaveFileHeader,
  parseSaveFileHeader,
  recognizeSaveFile,
  type ReadSaveFileHeader,
  type SaveFileContainer,
  type SaveFileHeader,
} from "./header.js";
export { assertCompleteSaveFile, readSaveFileHeader, rewriteSaveFile } from "./save-file.js";
