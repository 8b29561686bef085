import type { SectorRun } from "./layout.js";

/** Runs of set bits among `count` bits from `first`; the most significant bit comes first. */
export function runsOfBitmap(bitmap: Buffer, first: number, count: number): SectorRun[] {
  const runs: SectorRun[] = [];
  const end = first + count;
  let at = first;
  while (at < end) {
    const start = skip(bitmap, at, end, 0x00);
    if (start >= end) break;
    at = skip(bitmap, start, end, 0xff);
    runs.push({ sector: start, count: at - start });
  }
  return runs;
}

/** The first bit from `at` that differs from those of `uniform` (all clear or all set). */
function skip(bitmap: Buffer, at: number, end: number, uniform: 0x00 | 0xff): number {
  while (at < end) {
    const byte = bitmap[at >> 3] ?? 0;
    if ((at & 7) === 0 && byte === uniform) at += 8;
    else if (((byte ^ uniform) & (0x80 >> (at & 7))) === 0) at += 1;
    else return at;
  }
  return end;
}

export function setBits(bitmap: Buffer, { sector, count }: SectorRun): void {
  const end = sector + count;
  for (let bit = sector; bit < end;) {
    if ((bit & 7) === 0 && end - bit >= 8) {
      bitmap[bit >> 3] = 0xff;
      bit += 8;
    } else {
      bitmap[bit >> 3] = (bitmap[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
      bit += 1;
    }
  }
}

/** The parts of `run` that none of `covered` (ascending) covers. */
export function uncovered(run: SectorRun, covered: readonly SectorRun[]): SectorRun[] {
  const rest: SectorRun[] = [];
  let at = run.sector;
  for (const { sector, count } of covered) {
    if (sector > at) rest.push({ sector: at, count: sector - at });
    at = Math.max(at, sector + count);
  }
  const end = run.sector + run.count;
  if (end > at) rest.push({ sector: at, count: end - at });
  return rest;
}
