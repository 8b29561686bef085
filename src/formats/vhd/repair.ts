import { resealBatmap } from "./batmap.js";
import { damaged } from "./damage.js";
import { changeFooter } from "./footer.js";
import type { ImageFiles } from "./image-files.js";
import { alignUp, SECTOR_BYTES } from "./layout.js";
import { openVhd, type SparseVhd, type Vhd } from "./open-vhd.js";

/**
 * Gives a file back the trailing footer that it lacks after a crash of whoever had it open, and
 * empties its batmap, which may be behind. Nobody may have the file open. Returns whether there was
 * something to repair. Throws `disk-unsupported`, `system-error`.
 */
export async function repairVhd(files: ImageFiles, path: string): Promise<boolean> {
  // A good file need not be writable.
  const seen = await openVhd(files, path);
  await seen.layer.close();
  if (seen.kind !== "sparse" || isWhole(seen)) return false;
  const image = await openVhd(files, path, "write");
  try {
    return image.kind === "sparse" && (await repairOpened(image));
  } finally {
    await image.layer.close();
  }
}

function isWhole({ footer, copy, footerMissing }: SparseVhd): boolean {
  return !footerMissing && copy?.bytes.equals(footer.bytes) === true;
}

/** Makes both footers of an image, opened for writing, whole and equal. */
export async function repairOpened(image: SparseVhd): Promise<boolean> {
  const { layer, footer, copy, footerMissing } = image;
  if (isWhole(image)) return false;
  if (copy?.bytes.equals(footer.bytes) !== true) {
    await layer.file.write(footer.bytes, 0);
    await layer.file.sync();
  }
  if (footerMissing) {
    await clearBatmap(image);
    await layer.file.truncate(layer.dataEnd());
    await layer.file.write(footer.bytes, layer.dataEnd());
  }
  await layer.file.sync();
  return true;
}

/**
 * Changes the UUID or the hidden mark of a VHD in all its footers. Repeatable; between the two
 * writes the footers differ, which `openVhd` tells by `copy`. Throws `system-error`.
 */
export async function changeIdentity(
  files: ImageFiles,
  path: string,
  change: { readonly uuid?: string; readonly hidden?: boolean },
): Promise<void> {
  const image = await openVhd(files, path, "write");
  try {
    const { file } = image.layer;
    const bytes = changeFooter(image.footer, change);
    if (image.kind === "sparse") {
      if (image.footerMissing) throw damaged(path, "its trailing footer is missing");
      await file.write(bytes, 0);
      await file.sync();
    }
    await file.write(bytes, await footerPosition(image));
    await file.sync();
  } finally {
    await image.layer.close();
  }
}

/** A footer of 511 bytes begins at a whole sector as well, and gets its last byte back. */
async function footerPosition({ layer }: Vhd): Promise<number> {
  const fileBytes = await layer.file.sizeBytes();
  return alignUp(fileBytes, SECTOR_BYTES) - SECTOR_BYTES;
}

async function clearBatmap({ layer }: SparseVhd): Promise<void> {
  const { batmap } = layer.layout;
  if (!batmap) return;
  const header = Buffer.alloc(SECTOR_BYTES);
  const map = Buffer.alloc(batmap.mapBytes);
  await layer.file.read(header, batmap.headerAt);
  await layer.file.write(map, batmap.mapAt);
  await layer.file.write(resealBatmap(header, map, layer.sizeBytes), batmap.headerAt);
}
