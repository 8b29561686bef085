import {
  DomsnapError,
  settled,
  type DiskOperations,
  type Evidence,
  type FileBefore,
  type ImageRef,
  type OperationContext,
  type OperationOf,
  type OperationWork,
  type UndoableWork,
} from "domsnap/plugin";
import {
  assertNotBackedOn,
  assertPlace,
  assertUnchanged,
  beginFile,
  copySteps,
  discardFiles,
  everyAsync,
  identifyFile,
  isGone,
  isMade,
  readCopySource,
  realImagePath,
  removeCopies,
  renameDurably,
  runTool,
  unmakeFile,
  type FileOwner,
} from "domsnap/plugin-kit";

/** Copies the present state to the file that the snapshot names. */
const snapshot: UndoableWork<OperationOf<"disks.snapshot">> = {
  async run({ disks }, context) {
    for (const { target, image, copy, before } of copySteps(disks)) {
      if (await isMade(copy.path, context.evidence)) continue;
      await assertPlace(copy, before);
      const owner = await readCopySource(image.path);
      await convert({ target, from: image, to: copy, before, owner }, context);
    }
  },
  async undo({ disks }, { evidence }) {
    for (const { copy, before } of copySteps(disks)) await unmakeFile(copy.path, before, evidence);
  },
  async settle({ disks }, { evidence }) {
    return settled(await everyAsync(copySteps(disks), ({ copy }) => isMade(copy.path, evidence)));
  },
};

/** A copy and the image that it is to replace. */
interface Revert {
  readonly target: string;
  readonly image: ImageRef;
  readonly copy: ImageRef;
}

/** Unpacks the copies beside the images: all that takes long, or can fail, comes before the switch. */
const stage: UndoableWork<OperationOf<"disks.stage">> = {
  async run({ disks }, context) {
    const steps = copySteps(disks);
    for (const { image, copy } of steps) {
      await readCopySource(copy.path);
      await assertNotBackedOn(image, []);
    }
    for (const step of steps) await unpack(step, context);
  },
  async undo({ disks }, { evidence }) {
    for (const step of copySteps(disks))
      if (!isGone(step.image)) await unmakeFile(await stagedAt(step, evidence), "absent", evidence);
  },
  async settle({ disks }, { evidence }) {
    return settled(await everyAsync(copySteps(disks), (step) => isStaged(step, evidence)));
  },
};

/** What was staged takes the image's name. What a crash has lost of it is unpacked again. */
const revert: OperationWork<OperationOf<"disks.revert">> = {
  async run({ disks }, context) {
    for (const step of copySteps(disks)) {
      if (await isReverted(step, context.evidence)) continue;
      await unpack(step, context);
      await renameDurably(
        await stagedAt(step, context.evidence),
        await realImagePath(step.image.path),
      );
    }
  },
  async settle({ disks }, { evidence }) {
    return settled(await everyAsync(copySteps(disks), (step) => isReverted(step, evidence)));
  },
};

export const archiveOperations: DiskOperations = {
  "disks.snapshot": snapshot,
  "disks.stage": stage,
  "disks.revert": revert,
  "disks.remove": removeCopies([]),
  "disks.discard": discardFiles([]),
};

async function unpack(step: Revert, context: OperationContext): Promise<void> {
  const { target, image, copy } = step;
  if (await isStaged(step, context.evidence)) return;
  const owner = await readCopySource(image.path);
  const to = { ...image, path: await stagedAt(step, context.evidence) };
  const { mode } = owner;
  await convert({ target, from: copy, to, before: "absent", owner, mode }, context);
}

/** The token makes the name one that no other plan uses. */
async function stagedAt({ image }: Revert, { token }: Evidence): Promise<string> {
  return `${await realImagePath(image.path)}.archive-staged-${token}`;
}

async function isStaged(step: Revert, evidence: Evidence): Promise<boolean> {
  return isMade(await stagedAt(step, evidence), evidence);
}

/** Whether the image is the very file that was staged for it. */
async function isReverted(step: Revert, evidence: Evidence): Promise<boolean> {
  const present = await identifyFile(step.image.path);
  return present !== undefined && evidence.made(await stagedAt(step, evidence)).includes(present);
}

interface Conversion {
  readonly target: string;
  readonly from: ImageRef;
  readonly to: ImageRef;
  readonly before: FileBefore;
  readonly owner: FileOwner;
  readonly mode?: number;
}

/**
 * Writes an image in another format to a new file. `beginFile` tells the evidence which file that
 * is, and `publish` gives it its name when it is complete; so whoever undoes this after a crash
 * knows it, and removes nothing else. The program keeps the domain's lock as long as it works.
 */
async function convert(
  { target, from, to, before, ...made }: Conversion,
  { evidence, signal, progress }: OperationContext,
): Promise<void> {
  const source = await readCopySource(from.path);
  const file = await beginFile(to.path, before, made, evidence);
  const compress = to.format === "qcow2" ? ["-c"] : [];
  const formats = ["-f", from.format, "-O", to.format];
  const args = ["convert", "-p", ...compress, ...formats, from.path, file.partial];
  const onOutput = (text: string) => {
    const percent = [...text.matchAll(/\((\d+\.\d+)\/100%\)/g)].at(-1)?.[1];
    if (percent === undefined) return;
    const bytesTotal = source.allocatedBytes;
    const bytesDone = Math.round((Number(percent) / 100) * bytesTotal);
    progress({ subject: target, bytesDone, bytesTotal });
  };
  try {
    await runTool("qemu-img", args, { keepsLock: true, signal, onOutput });
  } catch (error) {
    throw isLocked(error) ? inUse(from, error) : error;
  }
  await assertUnchanged(source);
  await file.publish();
}

/** What qemu-img says of an image that a QEMU has open. */
function isLocked(error: unknown): boolean {
  return error instanceof DomsnapError && /Failed to get .* lock/.test(error.detail);
}

function inUse({ path }: ImageRef, cause: unknown): DomsnapError {
  return new DomsnapError("image-in-use", `image '${path}' is in use by another program`, {
    cause,
    hint: "Stop the program that has it open; 'fuser FILE' names it.",
  });
}
