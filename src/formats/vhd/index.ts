export { assertMerged } from "./assert-merged.js";
export { assertStandsAlone } from "./assert-stands-alone.js";
export {
  assertSettled,
  openChain,
  openChainImage,
  uuidOf,
  type ChainFormat,
  type ChainImage,
  type ChainView,
} from "./chain.js";
export { createEmptyVhd, formatEmptyVhd, formatFixedFooter } from "./create-vhd.js";
export { damaged } from "./damage.js";
export { findChildren } from "./find-children.js";
export { hostImageFiles } from "./host-image-files.js";
export type { FileIdentity, ImageFile, ImageFiles } from "./image-files.js";
export { MAX_CHAIN_DEPTH, MAX_DISK_BYTES, SECTOR_BYTES, unixSeconds } from "./layout.js";
export { assertMergeable, mergeIntoParent, type MergeOptions, type MergeTarget } from "./merge.js";
export {
  anchorParent,
  assertMovable,
  isParentMoving,
  mendHeader,
  relateParent,
} from "./move-parent.js";
export { openVhd, type Vhd } from "./open-vhd.js";
export { parentOf, peekParent } from "./parent-link.js";
export { isPortableParent } from "./parent-locator.js";
export { changeIdentity, repairVhd } from "./repair.js";
