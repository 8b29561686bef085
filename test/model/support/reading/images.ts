import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { parentByPath, readAsGuest } from "../../../formats/vhd/support/guest-vhd.js";
import { readQcow2, unreadable } from "./qcow2.js";

/** An image as a definition or a record names it. */
export interface Image {
  readonly path: string;
  readonly format: string;
}

/** What a guest would read; with a tag that of an internal snapshot. Throws what the system throws. */
export function readImage({ path, format }: Image, tag?: string): Buffer {
  if (format !== "qcow2") return readAsGuest(path, format);
  const image = readQcow2(path);
  const snapshots = image.snapshots.filter((one) => one.tag === tag);
  if (tag !== undefined && snapshots.length !== 1)
    throw unreadable(path, `has ${String(snapshots.length)} snapshots '${tag}'`);
  const base = baseOf({ path, format });
  return image.content(base ? readImage(base) : Buffer.alloc(0), snapshots[0]);
}

/** What an image stands on, by what it says itself. */
export function baseOf({ path, format }: Image): Image | undefined {
  if (format === "vhd") return isDifferencing(path) ? parentByPath(path) : undefined;
  if (format !== "qcow2") return undefined;
  const { backing } = readQcow2(path);
  if (!backing) return undefined;
  return { path: resolve(dirname(path), backing.name), format: backing.format ?? "raw" };
}

/** What tells files apart, whatever their names: of an image and of all below it. */
export function inodesOf(image: Image): string[] {
  const { dev, ino } = statSync(image.path);
  const base = baseOf(image);
  return [`${String(dev)}:${String(ino)}`, ...(base ? inodesOf(base) : [])];
}

function isDifferencing(path: string): boolean {
  const file = readFileSync(path);
  return file.toString("latin1", 0, 8) === "conectix" && file.readUInt32BE(60) === 4;
}
