import type { ImageRef } from "../core/model/index.js";
import { findBackedBy } from "./backing-chain.js";
import { unlinkDurably } from "../host/durable-files.js";
import { probeFile } from "../host/probe-file.js";
import { readImageHeader } from "../formats/qcow2/header.js";

/** Whether nothing has this name; what cannot be looked at is not gone. */
export function isGone(file: Pick<ImageRef, "path">): boolean {
  return probeFile(file.path).kind === "absent";
}

/** Whether a file is gone, or there is a reason to keep it. */
export async function isUnlinkedOrNeeded(
  file: ImageRef,
  folders: readonly string[],
): Promise<boolean> {
  return isGone(file) || (await reasonToKeep(file, folders)) !== undefined;
}

/**
 * Unlinks a file that nothing is said to need any more. If something does need it, it is left and
 * told instead. One that is gone is no error.
 */
export async function unlinkUnneeded(
  file: ImageRef,
  folders: readonly string[],
  warn: (message: string) => void,
): Promise<void> {
  if (isGone(file)) return;
  const reason = await reasonToKeep(file, folders);
  if (reason === undefined) await unlinkDurably(file.path);
  else warn(`file '${file.path}' is left: ${reason}`);
}

async function reasonToKeep(
  file: ImageRef,
  folders: readonly string[],
): Promise<string | undefined> {
  if (probeFile(file.path).kind === "block") return "it is a device";
  const [dependent] = await findBackedBy(file.path, folders);
  if (dependent !== undefined) return `'${dependent}' backs on it`;
  // A raw image may look like any other: its content is the guest's and means nothing here.
  const header = file.format === "raw" ? undefined : await readImageHeader(file.path);
  return header && header.snapshotCount > 0 ? "it holds internal snapshots" : undefined;
}
