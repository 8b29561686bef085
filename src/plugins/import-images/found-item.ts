import { asDomsnapError } from "../../core/errors/index.js";
import type { ImageRef } from "../../core/model/index.js";
import type { RecordProblem } from "../../core/ports/index.js";
import { isImageVerdict } from "../../core/rules/image-verdict.js";

/** What names this source, and begins the origin of what it finds. */
export const WORD = "images";

/** Snapshots of one name that are further apart may be of different moments. */
const SAME_MOMENT_SECONDS = 60;

/** What is to be said of disks that were frozen at these times (seconds). */
export function momentNotes(times: readonly number[]): string[] {
  return Math.max(...times) - Math.min(...times) > SAME_MOMENT_SECONDS
    ? ["its disks were taken at different times, and may not fit each other"]
    : [];
}

/** Why an image is left out. Throws a failure that tells nothing of the image. */
export function problemOf({ path }: ImageRef, thrown: unknown): RecordProblem {
  const error = asDomsnapError(thrown);
  if (!isImageVerdict(error)) throw error;
  return { record: path, reason: error.message };
}
