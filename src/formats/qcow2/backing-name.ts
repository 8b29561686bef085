import { dirname, resolve } from "node:path";

/**
 * The file that a backing name means, if it is a plain path: relative to the folder of the image
 * that names it, as QEMU reads it. Undefined for URLs, `json:` and other protocol names.
 */
export function plainBackingPath(name: string, imagePath: string): string | undefined {
  return hasProtocol(name) ? undefined : resolve(dirname(imagePath), name);
}

/** QEMU's rule: a colon before the first slash. */
function hasProtocol(name: string): boolean {
  return /^[^/]*:/.test(name);
}
