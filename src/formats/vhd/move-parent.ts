import { damaged } from "./damage.js";
import type { ImageFile, ImageFiles } from "./image-files.js";
import { HEADER_BYTES } from "./layout.js";
import { openVhd, readFooters } from "./open-vhd.js";
import { parentOf } from "./parent-link.js";
import {
  encodeAbsoluteLocators,
  encodeLocators,
  isAbsoluteLocator,
  MAX_LOCATOR_BYTES,
  writtenLength,
  type EncodedLocator,
} from "./parent-locator.js";
import {
  locatorsOf,
  parseSparseHeader,
  sealHeader,
  withLocatorLengths,
  type LocatorEntry,
  type SparseHeader,
} from "./sparse-header.js";

/**
 * A differencing image tells where its parent is from its own folder, so it cannot go to another
 * one as it is. `anchorParent` makes it tell the whole path, which is true in both; after the move
 * `relateParent` makes it tell the path from there. Each locator lies in a sector of its own, and
 * before the first of them changes, the header counts all room of each as its length: so every state
 * between leads to the parent.
 */

/**
 * Throws `disk-unsupported` where the locators of an image have no room for the path of its parent,
 * whole or as seen from its new name (a real path). Changes nothing.
 */
export async function assertMovable(
  files: ImageFiles,
  path: string,
  newPath: string,
): Promise<void> {
  const image = await openVhd(files, path);
  try {
    const parent = await parentOf(files, image);
    if (!parent || image.kind !== "sparse") return;
    const parentPath = await files.realPath(parent.path);
    const encoded = [...encodeAbsoluteLocators(parentPath), ...encodeLocators(newPath, parentPath)];
    const { header, table } = image.layer.layout;
    const blocksAt = table.sortedOffsets()[0] ?? (await image.layer.file.sizeBytes());
    for (const { code, bytes } of encoded)
      for (const locator of header.locators)
        if (locator.code === code && !hasRoom(locator, bytes.length, blocksAt, header))
          throw damaged(
            path,
            `it would move to another folder, and has no room for the path of its parent '${parentPath}' as seen from there`,
            "Move both into one folder, or to shorter paths.",
          );
  } finally {
    await image.layer.close();
  }
}

/** Its room is its own, so that all of it may be counted and written. */
function hasRoom(
  { spaceBytes, offset }: LocatorEntry,
  neededBytes: number,
  blocksAt: number,
  { locators }: SparseHeader,
): boolean {
  const end = offset + spaceBytes;
  const isApart = locators.every((other) => other.offset <= offset || other.offset >= end);
  const isWhole = spaceBytes <= MAX_LOCATOR_BYTES && end <= blocksAt && isApart;
  return isWhole && neededBytes <= spaceBytes;
}

/**
 * Makes an image tell the whole path of its parent. Nobody may have the image open. Repeatable; after
 * a power failure the header may have to be mended first, see `mendHeader`. Throws
 * `disk-unsupported`, `system-error`.
 */
export async function anchorParent(files: ImageFiles, path: string): Promise<void> {
  await changePaths(files, path, async (file, headerAt, header, parentPath) => {
    const wide = await widen(file, headerAt, header);
    await writePaths(file, wide.locators, encodeAbsoluteLocators(parentPath));
  });
}

/** Makes an image that was moved tell the path of its parent from where it is. As `anchorParent`. */
export async function relateParent(files: ImageFiles, path: string): Promise<void> {
  const own = await files.realPath(path);
  await changePaths(files, path, async (file, headerAt, header, parentPath) => {
    const { locators, bytes } = await widen(file, headerAt, header);
    const encoded = encodeLocators(own, parentPath);
    await writePaths(file, locators, encoded);
    const lengths = new Map(encoded.map((one) => [one.code, one.bytes.length]));
    const narrow = withLocatorLengths(
      bytes,
      ({ code, lengthBytes }) => lengths.get(code) ?? lengthBytes,
    );
    await writeHeader(file, headerAt, narrow);
  });
}

async function changePaths(
  files: ImageFiles,
  path: string,
  change: (
    file: ImageFile,
    headerAt: number,
    header: SparseHeader,
    parentPath: string,
  ) => Promise<void>,
): Promise<void> {
  const image = await openVhd(files, path, "write");
  try {
    const parent = await parentOf(files, image);
    if (!parent || image.kind !== "sparse") return;
    const { file, layout } = image.layer;
    const headerAt = image.footer.headerAt ?? 0;
    await change(file, headerAt, layout.header, await files.realPath(parent.path));
  } finally {
    await image.layer.close();
  }
}

/** Whether a parent's paths are about to change in an image: they are whole, padded or unreadable. */
export async function isParentMoving(files: ImageFiles, path: string): Promise<boolean> {
  const file = await files.open(path, "read");
  try {
    const headerAt = await headerAtOf(file);
    if (headerAt === undefined) return false;
    const header = parseSparseHeader(await readHeader(file, headerAt));
    if (!header) return true;
    for (const locator of header.locators) {
      const bytes = await readPath(file, locator, locator.lengthBytes);
      if (isAbsoluteLocator(locator, bytes)) return true;
      if (writtenLength(locator, bytes) < locator.lengthBytes) return true;
    }
    return false;
  } finally {
    await file.close();
  }
}

/** Counts all room of each locator as its length, which changes nothing of what it says. */
async function widen(
  file: ImageFile,
  headerAt: number,
  header: SparseHeader,
): Promise<SparseHeader> {
  const bytes = sealHeader(withLocatorLengths(header.bytes, ({ spaceBytes }) => spaceBytes));
  if (bytes.equals(header.bytes)) return header;
  for (const locator of header.locators) await clearRest(file, locator);
  await file.sync();
  await writeHeader(file, headerAt, bytes);
  return { ...header, locators: locatorsOf(bytes), bytes };
}

async function writeHeader(file: ImageFile, headerAt: number, bytes: Buffer): Promise<void> {
  await file.write(sealHeader(bytes), headerAt);
  await file.sync();
}

async function readHeader(file: ImageFile, headerAt: number): Promise<Buffer> {
  const bytes = Buffer.alloc(HEADER_BYTES);
  await file.read(bytes, headerAt);
  return bytes;
}

async function headerAtOf(file: ImageFile): Promise<number | undefined> {
  const { copy, trailing } = await readFooters(file);
  return (trailing ?? copy)?.headerAt;
}

async function clearRest(
  file: ImageFile,
  { offset, lengthBytes, spaceBytes }: LocatorEntry,
): Promise<void> {
  if (spaceBytes > lengthBytes)
    await file.write(Buffer.alloc(spaceBytes - lengthBytes), offset + lengthBytes);
}

/** The length of each locator is that of its room already. */
async function writePaths(
  file: ImageFile,
  locators: readonly LocatorEntry[],
  encoded: readonly EncodedLocator[],
): Promise<void> {
  for (const { code, offset, spaceBytes } of locators) {
    const path = encoded.find((one) => one.code === code);
    if (!path) continue;
    const padded = Buffer.alloc(spaceBytes);
    path.bytes.copy(padded);
    await file.write(padded, offset);
    // One after the other: should this one be torn, the others lead to the parent.
    await file.sync();
  }
}

async function readPath(
  file: ImageFile,
  { offset }: LocatorEntry,
  lengthBytes: number,
): Promise<Buffer> {
  const bytes = Buffer.alloc(Math.min(lengthBytes, MAX_LOCATOR_BYTES));
  await file.read(bytes, offset);
  return bytes;
}

/**
 * Puts a header right that was being written here when the power failed. It has two sectors, one
 * with the checksum and one with the lengths; where only one of them was written, the checksum proves
 * which lengths are meant. A header that is damaged otherwise is left to whoever reads it. Throws
 * `system-error`.
 */
export async function mendHeader(files: ImageFiles, path: string): Promise<void> {
  const file = await files.open(path, "write");
  try {
    const headerAt = await headerAtOf(file);
    if (headerAt === undefined) return;
    const bytes = await readHeader(file, headerAt);
    if (parseSparseHeader(bytes)) return;
    const wide = withLocatorLengths(bytes, ({ spaceBytes }) => spaceBytes);
    const written = new Map<LocatorEntry["offset"], number>();
    for (const locator of locatorsOf(bytes))
      written.set(
        locator.offset,
        writtenLength(locator, await readPath(file, locator, locator.spaceBytes)),
      );
    const narrow = withLocatorLengths(bytes, ({ offset }) => written.get(offset) ?? 0);
    if (!parseSparseHeader(wide) && !parseSparseHeader(narrow)) return;
    await writeHeader(file, headerAt, wide);
  } finally {
    await file.close();
  }
}
