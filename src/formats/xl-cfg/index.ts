export { editXlCfg, formatXlCfg, formatXlValue } from "./edit-xl-cfg.js";
export { parseXlCfg, xlList, xlNumber, xlText, type XlConfig } from "./parse-xl-cfg.js";
export type { XlValue } from "./xl-value.js";
