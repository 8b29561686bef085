import type { DomsnapError, ErrorCode } from "../errors/index.js";

/** What is wrong with an image for good: with its path, its format, its content. */
const VERDICTS: ReadonlySet<ErrorCode> = new Set([
  "image-missing",
  "image-conflict",
  "disk-unsupported",
  "invalid-argument",
]);

/**
 * Whether a failure to look into an image tells of the image. Any other (a tool that ended, a medium
 * that did not answer) may be over the next time, so nothing may be concluded from it. Pure.
 */
export function isImageVerdict({ code }: Pick<DomsnapError, "code">): boolean {
  return VERDICTS.has(code);
}
