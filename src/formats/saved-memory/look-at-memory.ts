import type { LookAtMemory } from "../../core/ports/index.js";
import { withImageFile } from "../../host/bounded-read.js";
import { probeFile } from "../../host/probe-file.js";
import { HEAD_BYTES, recognizeMemory } from "./recognize.js";

/** Looks at the files of this host. What is neither a file nor a device is told, and not waited for. */
export const lookAtMemory: LookAtMemory = async (path) => {
  const fact = probeFile(path);
  if (fact.kind === "absent" || (fact.kind === "unknown" && fact.isImpossible === true))
    return undefined;
  const look = await withImageFile(path, async (readAt) =>
    recognizeMemory(await readAt(0, HEAD_BYTES)),
  );
  return look ?? { looksLike: "neither a file nor a block device" };
};
