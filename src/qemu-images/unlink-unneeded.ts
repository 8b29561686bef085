import type { ImageRef, OperationOf } from "../core/model/index.js";
import type { OperationContext, OperationWork } from "../core/ports/index.js";
import { readImageHeader } from "../formats/qcow2/header.js";
import { identifyEntry, knownAt, unlinkKnown } from "../host/file-identity.js";
import { probeFile } from "../host/probe-file.js";
import { findBackedBy } from "./backing-chain.js";

type Known = Pick<OperationContext, "evidence">;

/** Whether nothing has this name; what cannot be looked at is not gone. */
export function isGone(file: Pick<ImageRef, "path">): boolean {
  return probeFile(file.path).kind === "absent";
}

/** Whether a file is gone, or there is a reason to keep it. */
export async function isUnlinkedOrNeeded(
  file: ImageRef,
  folders: readonly string[],
  context: Known,
): Promise<boolean> {
  return isGone(file) || (await reasonToKeep(file, folders, context)) !== undefined;
}

/**
 * Unlinks a file that nothing is said to need any more, and that is the one which the plan began
 * with. If something does need it, or another file has its name by now, it is left and told
 * instead. One that is gone is no error.
 */
export async function unlinkUnneeded(
  file: ImageRef,
  folders: readonly string[],
  context: Known & Pick<OperationContext, "warn" | "commit">,
): Promise<void> {
  if (isGone(file)) return;
  const reason = await reasonToKeep(file, folders, context);
  if (reason !== undefined) {
    context.warn(`file '${file.path}' is left: ${reason}`);
    return;
  }
  await context.commit();
  await unlinkKnown(file.path, knownAt(file.path, context.evidence));
}

/**
 * Carries out `domain.discard-memory` where memory is in files. Only the file that the plan began
 * with is unlinked; nothing backs on such a file.
 */
export const discardMemory: OperationWork<OperationOf<"domain.discard-memory">> = {
  async run({ file }, context) {
    if (isGone({ path: file })) return;
    if (!(await unlinkKnown(file, knownAt(file, context.evidence))))
      context.warn(`file '${file}' is left: ${STRANGER}`);
  },
  settle: async ({ file }, context) =>
    isGone({ path: file }) || !(await isKnown(file, context)) ? "done" : "not-done",
};

const STRANGER = "it is not the file that stood there when this was begun";

async function reasonToKeep(
  file: ImageRef,
  folders: readonly string[],
  context: Known,
): Promise<string | undefined> {
  if (probeFile(file.path).kind === "block") return "it is a device";
  if (!(await isKnown(file.path, context))) return STRANGER;
  const [dependent] = await findBackedBy(file.path, folders);
  if (dependent !== undefined) return `'${dependent}' backs on it`;
  // A raw image may look like any other: its content is the guest's and means nothing here.
  const header = file.format === "raw" ? undefined : await readImageHeader(file.path);
  return header && header.snapshotCount > 0 ? "it holds internal snapshots" : undefined;
}

async function isKnown(path: string, { evidence }: Known): Promise<boolean> {
  const identity = await identifyEntry(path);
  return identity !== undefined && knownAt(path, evidence).includes(identity);
}
