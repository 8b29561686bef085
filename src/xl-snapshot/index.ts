export {
  asksLiveInVain,
  createRequestOf,
  isXmlConfig,
  requestOfDocument,
  withOptions,
  type CreateRequest,
  type WishFacts,
  type WishOptions,
} from "./create-request.js";
export {
  informationFileName,
  parseInformationFileName,
  prototypeFileName,
  type InformationFileName,
} from "./information-file-name.js";
export { formatInformationView, isInformationView } from "./information-view.js";
export {
  editInformationFile,
  formatInformationFile,
  parseInformationFile,
} from "./information-file.js";
export { formatLibxlSnapshot, parseLibxlSnapshot } from "./libxl-json.js";
export { parseSnapshotConfig, type SnapshotConfig, type SnapshotWish } from "./snapshot-config.js";
export {
  fromToolstackSnapshot,
  toToolstackSnapshot,
  type FromToolstackOptions,
} from "./snapshot-conversion.js";
export type {
  ToolstackDiskSnapshot,
  ToolstackSnapshot,
  ToolstackState,
} from "./toolstack-snapshot.js";
export { translateSnapshot, type Translation, type TranslationInput } from "./translate.js";
