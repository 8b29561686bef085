import { statSync } from "node:fs";

import type { FileFact, FileProbe } from "../core/ports/index.js";
import { errnoOf, strerror, tellsAbsence } from "./system-error.js";

/** Asks the host what stands at a path, links followed. Never throws. */
export const probeFile: FileProbe = (path: string): FileFact => {
  try {
    const stats = statSync(path);
    if (stats.isFile()) return { kind: "regular", sizeBytes: stats.size };
    return { kind: stats.isBlockDevice() ? "block" : "other" };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return { kind: "absent" };
    return {
      kind: "unknown",
      reason: strerror(error),
      ...(tellsAbsence(error) && { isImpossible: true }),
    };
  }
};
