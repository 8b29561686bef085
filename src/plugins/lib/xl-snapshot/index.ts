export { formatInformationFile, parseInformationFile } from "./information-file.js";
export { formatLibxlSnapshot, parseLibxlSnapshot } from "./libxl-json.js";
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
