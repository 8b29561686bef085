import { uncovered } from "../../../../src/formats/vhd/bitmap.js";
import type { VhdChain } from "../../../../src/formats/vhd/chain.js";
import type { Layer } from "../../../../src/formats/vhd/layer.js";
import { SECTOR_BYTES, type SectorRun } from "../../../../src/formats/vhd/layout.js";

/** Reads what a guest would see from `sector` on; zeroes behind the end of the disk. */
export async function readChain(chain: VhdChain, buffer: Buffer, sector: number): Promise<void> {
  let wanted: SectorRun[] = [{ sector, count: buffer.length / SECTOR_BYTES }];
  const slice = (run: SectorRun) => {
    const at = (run.sector - sector) * SECTOR_BYTES;
    return buffer.subarray(at, at + run.count * SECTOR_BYTES);
  };
  for (const { layer } of chain.images) wanted = await readFrom(layer, wanted, slice);
  for (const run of wanted) slice(run).fill(0);
}

/** Reads what a layer holds of some runs, and tells what is left for those below. */
async function readFrom(
  layer: Layer,
  wanted: readonly SectorRun[],
  slice: (run: SectorRun) => Buffer,
): Promise<SectorRun[]> {
  const rest: SectorRun[] = [];
  for (const run of wanted) {
    const present = await layer.presentRuns(run);
    for (const found of present) await layer.readSectors(slice(found), found.sector);
    rest.push(...uncovered(run, present));
  }
  return rest;
}
