import { dirname, isAbsolute, relative, resolve } from "node:path";
import { alignUp, SECTOR_BYTES } from "./layout.js";
import type { LocatorEntry } from "./sparse-header.js";

/** A parent's path in one of the ways of writing it, ready to be placed. */
export interface EncodedLocator {
  readonly code: string;
  readonly bytes: Buffer;
  readonly spaceBytes: number;
}

const URL_PREFIX = "file://";
/** No path of Linux is longer than 4096 bytes, in UTF-16 twice of it. */
export const MAX_LOCATOR_BYTES = 16 * 1024;

/**
 * The parent's path as vhd-util writes it: relative to the folder of the child, the same in three
 * forms. Both paths are real ones (links resolved).
 */
export function encodeLocators(childPath: string, parentPath: string): EncodedLocator[] {
  return encodePath(`./${relative(dirname(childPath), parentPath)}`);
}

/** The same such that it leads to the parent from every folder. */
export function encodeAbsoluteLocators(parentPath: string): EncodedLocator[] {
  return encodePath(parentPath);
}

function encodePath(path: string): EncodedLocator[] {
  const windows = Buffer.from(path.replaceAll("/", "\\"), "utf16le");
  return [
    withSpace("MacX", Buffer.from(URL_PREFIX + plainUrlPath(path))),
    withSpace("W2ku", windows),
    withSpace("W2ru", windows),
  ];
}

/** Whether vhd-util and tapdisk can follow the path: they convert names through ASCII. */
export function isPortableParent(childPath: string, parentPath: string): boolean {
  // eslint-disable-next-line no-control-regex -- that is what ASCII means
  return /^[\x01-\x7f]*$/.test(relative(dirname(childPath), parentPath));
}

/** Whether a locator leads to the parent from every folder. */
export function isAbsoluteLocator({ code }: Pick<LocatorEntry, "code">, bytes: Buffer): boolean {
  return isAbsolute(textOf(code, bytes) ?? "");
}

/** How long what a locator says is, where zeroes are behind it. */
export function writtenLength({ code }: Pick<LocatorEntry, "code">, bytes: Buffer): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length -= 1;
  return code === "MacX" ? length : alignUp(length, 2);
}

/**
 * The absolute path that a locator means, as seen from a child file; `undefined` for a form that
 * is not known or a path that cannot be one.
 */
export function decodeLocator(
  { code }: Pick<LocatorEntry, "code">,
  bytes: Buffer,
  childPath: string,
): string | undefined {
  const written = textOf(code, bytes);
  if (written === undefined || written === "" || written.includes("\0")) return undefined;
  return isAbsolute(written) ? written : resolve(dirname(childPath), written);
}

function textOf(code: string, bytes: Buffer): string | undefined {
  if (code === "W2ku" || code === "W2ru")
    return trimEnd(bytes.toString("utf16le")).replaceAll("\\", "/");
  if (code !== "MacX") return undefined;
  const url = trimEnd(bytes.toString("utf8"));
  return url.startsWith(URL_PREFIX) ? url.slice(URL_PREFIX.length) : undefined;
}

function trimEnd(text: string): string {
  return text.replace(/\0+$/, "");
}

/** vhd-util writes a parent in a higher folder without the leading `./` in this form. */
function plainUrlPath(path: string): string {
  return path.startsWith("./../") ? path.slice(2) : path;
}

function withSpace(code: string, bytes: Buffer): EncodedLocator {
  return { code, bytes, spaceBytes: alignUp(bytes.length, SECTOR_BYTES) };
}
