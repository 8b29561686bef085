import type { OperationContext } from "../../core/ports/index.js";
import {
  assertUnchanged,
  cloneFile,
  copySparsely,
  readCopySource,
  type CopyOptions,
  type CopySource,
} from "../../host/copy-file.js";
import { assertRoom } from "../../host/durable-files.js";
import type { FileBefore } from "../../core/model/index.js";
import { keepAttributes } from "../../host/file-attributes.js";
import { beginFile, unmakeFile, type NewFile } from "../../host/new-file.js";

export interface CopyJob {
  /** The disk's target, for progress. */
  readonly subject: string;
  readonly from: string;
  readonly to: string;
  readonly before: FileBefore;
  /** The file that the copy is to replace. Default: none; the owner of `from` alone may read it. */
  readonly like?: CopySource;
}

interface Copy {
  readonly job: CopyJob;
  readonly source: CopySource;
  readonly file: NewFile;
}

/**
 * Copies a group of images to new files. All are complete before the first gets its name; on
 * failure or cancel none stays, but for what cannot be removed again. Reflinks come first: they are
 * the quickest, and only the rest needs room. Throws `no-space`, `cancelled`, `operation-failed`
 * when an image changed meanwhile, `image-conflict` when a file stands in the way.
 */
export async function copyGroup(
  jobs: readonly CopyJob[],
  context: OperationContext,
): Promise<void> {
  const copies: Copy[] = [];
  try {
    for (const job of jobs) copies.push(await beginCopy(job, context));
    const slow: Copy[] = [];
    for (const copy of copies)
      if (
        !(await cloneFile(copy.source, copy.file.partial, copyOptions(copy.job.subject, context)))
      )
        slow.push(copy);
    await assertRoom(
      slow.map((copy) => ({ path: copy.file.partial, bytes: copy.source.allocatedBytes })),
    );
    for (const copy of slow)
      await copySparsely(copy.source, copy.file.partial, copyOptions(copy.job.subject, context));
    for (const copy of copies) await assertUnchanged(copy.source);
    for (const { job, file } of copies)
      if (job.like) await keepAttributes(job.like.path, file.partial);
    for (const copy of copies) await copy.file.publish();
  } catch (error) {
    // What fails here is not worth more than the reason; undoing the operation tries it again.
    await takeBack(copies, context).catch(() => undefined);
    throw error;
  }
}

async function takeBack(copies: readonly Copy[], { evidence }: OperationContext): Promise<void> {
  for (const { job } of copies) await unmakeFile(job.to, job.before, evidence);
}

/** The part of an operation's context that a copy of one disk uses. */
export function copyOptions(subject: string, context: OperationContext): CopyOptions {
  return {
    signal: context.signal,
    onProgress: (progress) => context.progress({ ...progress, subject }),
  };
}

async function beginCopy(job: CopyJob, { evidence }: OperationContext): Promise<Copy> {
  const source = await readCopySource(job.from);
  // Nobody else may read it while it is written: who may comes with the other attributes.
  const file = await beginFile(job.to, job.before, { owner: job.like ?? source }, evidence);
  return { job, source, file };
}
