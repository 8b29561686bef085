/**
 * Helpers for the authors of plugins: what the built-in plugins are made of. Durable files, copies,
 * guards around images, programs, verdicts, definitions in a folder. What follows has the same
 * promise as the ports: within a major version nothing is taken away. See docs/plugin-guide.md.
 */

// Files that outlive a power failure.
export {
  assertRoom,
  availableBytes,
  createExclusively,
  isVacant,
  noSpace,
  publishDurably,
  renameDurably,
  syncFile,
  syncFolder,
  unlinkDurably,
  type FileOwner,
  type NewFileOptions,
  type SpaceNeed,
} from "./host/durable-files.js";
export {
  assertPlace,
  beginFile,
  continueFile,
  fileExists,
  isMade,
  unmakeFile,
  type NewFile,
} from "./host/new-file.js";
export { identifyFile } from "./host/file-identity.js";
export {
  ensureStateFolder,
  readStateFile,
  writeStateFile,
  writeStateFiles,
  type StateFileContent,
} from "./host/state-files.js";
export { makeFolder, writeOutput, type OutputFile } from "./host/output-folder.js";

// What is there, and what it holds.
export { probeFile } from "./host/probe-file.js";
export { startsWithContent } from "./host/same-content.js";
export { kindOfSource, peekSourceFile, readSourceFile } from "./host/read-source-file.js";
export { withImageFile, type ReadAt } from "./host/bounded-read.js";

// Copies of images.
export {
  assertUnchanged,
  cloneFile,
  copyOntoDevice,
  copySparsely,
  readCopySource,
  type CopyOptions,
  type CopySource,
} from "./host/copy-file.js";

// Images that stand on one another: who would lose what.
export { findBackedBy, realImagePath } from "./qemu-images/backing-chain.js";
export { assertNotBackedOn } from "./qemu-images/image-guard.js";
export { copySteps } from "./qemu-images/copy-steps.js";
export { discardFiles } from "./qemu-images/discard-files.js";
export { removeCopies } from "./qemu-images/remove-copies.js";
export { isGone, isUnlinkedOrNeeded, unlinkUnneeded } from "./qemu-images/unlink-unneeded.js";

// Programs and failed calls.
export {
  isToolInstalled,
  runTool,
  toolMissing,
  type ToolOptions,
  type ToolOutput,
} from "./host/run-tool.js";
export {
  errnoOf,
  inaccessibleImage,
  strerror,
  systemError,
  tellsAbsence,
} from "./host/system-error.js";
export { everyAsync } from "./host/every-async.js";

// Yes, no, and why not.
export { isLocalDisk, isRaw } from "./plugin-kit/disk-facts.js";
export {
  generalRefusal,
  imageOfDisk,
  POSSIBLE,
  refuse,
  refuseEncrypted,
  refuseFor,
} from "./plugin-kit/disk-verdict.js";

// Domains that are definitions in files.
export { DefinitionFolder } from "./plugin-kit/definition-folder.js";
export { assertDefinable, noSuchDomain } from "./plugin-kit/domain-list.js";
export { folderOfUri, pathOfUri } from "./host/uri-path.js";
