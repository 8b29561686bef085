export {
  libxlConfigSchema,
  parseLibxlConfig,
  parseLongList,
  type LibxlConfig,
  type LibxlDomain,
} from "./libxl-config.js";
export { withLibxlLock } from "./libxl-lock.js";
export {
  parseBlockList,
  parseList,
  parseState,
  parseVmList,
  type XlBlockRow,
  type XlListRow,
  type XlState,
  type XlVmRow,
} from "./tables.js";
export { readXenstore, writeXenstore } from "./xenstore.js";
export { virtualDeviceNumber } from "./virtual-device.js";
export { Xl, type XlRunOptions } from "./xl.js";
export { xlFailure } from "./xl-failure.js";
