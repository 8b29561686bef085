import { asDomsnapError } from "../../../../src/core/errors/index.js";
import { isBatmapSound, isMarkedFull } from "../../../../src/formats/vhd/batmap.js";
import { runsOfBitmap } from "../../../../src/formats/vhd/bitmap.js";
import { openChain } from "../../../../src/formats/vhd/chain.js";
import type { ImageFiles } from "../../../../src/formats/vhd/image-files.js";
import { SECTOR_BYTES } from "../../../../src/formats/vhd/layout.js";
import { openVhd, type SparseVhd } from "../../../../src/formats/vhd/open-vhd.js";

/**
 * Everything that is wrong with a VHD and with the chain below it, as sentences; empty for a good
 * one. Reads all bitmaps, but no data.
 */
export async function checkVhd(files: ImageFiles, path: string): Promise<string[]> {
  try {
    const image = await openVhd(files, path);
    try {
      if (image.kind === "fixed") return [];
      return [
        ...checkFooters(image),
        ...(await checkBatmap(image)),
        ...(await checkChain(files, path)),
      ];
    } finally {
      await image.layer.close();
    }
  } catch (error) {
    return [asDomsnapError(error).detail];
  }
}

function checkFooters({ footer, copy, footerMissing, layer }: SparseVhd): string[] {
  if (footerMissing) return [`'${layer.path}' has no trailing footer`];
  if (!copy) return [`'${layer.path}' has no copy of its footer at the start`];
  return copy.bytes.equals(footer.bytes) ? [] : [`the footers of '${layer.path}' differ`];
}

async function checkBatmap({ layer }: SparseVhd): Promise<string[]> {
  const { batmap, table } = layer.layout;
  if (!batmap) return [];
  const header = Buffer.alloc(SECTOR_BYTES);
  const map = Buffer.alloc(batmap.mapBytes);
  await layer.file.read(header, batmap.headerAt);
  await layer.file.read(map, batmap.mapAt);
  if (!isBatmapSound(header, map, layer.sizeBytes))
    return [`the batmap of '${layer.path}' has a wrong checksum`];
  const problems: string[] = [];
  for (let block = 0; block < table.entries; block++) {
    if (!isMarkedFull(map, block)) continue;
    const bitmap = await layer.readBitmap(block);
    const [whole] = bitmap ? runsOfBitmap(bitmap, 0, layer.blockSectors) : [];
    if (whole?.count !== layer.blockSectors)
      problems.push(`the batmap of '${layer.path}' calls block ${block} full, and it is not`);
  }
  return problems;
}

async function checkChain(files: ImageFiles, path: string): Promise<string[]> {
  try {
    const chain = await openChain(files, path, "vhd");
    await chain.close();
    return [];
  } catch (error) {
    return [asDomsnapError(error).detail];
  }
}
