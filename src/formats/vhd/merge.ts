import { DomsnapError } from "../../core/errors/index.js";
import type { OperationProgress } from "../../core/ports/index.js";
import { openChainImage, type ChainFormat, type ChainImage } from "./chain.js";
import { damaged } from "./damage.js";
import { EarlySync } from "./early-sync.js";
import type { ImageFiles } from "./image-files.js";
import { SECTOR_BYTES, type SectorRun } from "./layout.js";
import { openVhd, type SparseVhd } from "./open-vhd.js";
import { repairOpened } from "./repair.js";
import { FlatSink, SparseSink, type SectorSink } from "./sector-sink.js";
import type { SparseLayer } from "./sparse-layer.js";

/** The image that takes the sectors. */
export interface MergeTarget {
  readonly path: string;
  readonly format: ChainFormat;
}

export interface MergeOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: OperationProgress) => void;
}

/** Reading and writing overlap; more copies in flight only cost memory (a block each). */
const COPIES_IN_FLIGHT = 3;

/**
 * Whether `mergeIntoParent` could begin: both images open, the parent for writing, and hold disks
 * of one size. Changes nothing. Throws as `mergeIntoParent`.
 */
export async function assertMergeable(
  files: ImageFiles,
  child: string,
  parent: MergeTarget,
): Promise<void> {
  await withPair(files, child, parent, () => Promise.resolve());
}

/**
 * Copies every sector that `child` holds down into `parent`, and nothing else; the child is not
 * changed and answers for these sectors until it is taken away. Repeatable: a merge that was
 * interrupted anywhere is simply run again. Memory is a few blocks and the tables.
 *
 * Throws `cancelled`, `no-space`, `system-error`, and `disk-unsupported` when the two do not fit.
 * That `child` stands on `parent` is for the caller to check.
 */
export async function mergeIntoParent(
  files: ImageFiles,
  child: string,
  parent: MergeTarget,
  options: MergeOptions = {},
): Promise<void> {
  await withPair(files, child, parent, async (upper, lower) =>
    copyDown(upper.layer, await openSink(lower), options),
  );
}

async function withPair(
  files: ImageFiles,
  child: string,
  parent: MergeTarget,
  work: (upper: SparseVhd, lower: ChainImage) => Promise<void>,
): Promise<void> {
  const upper = await openVhd(files, child);
  try {
    if (upper.kind !== "sparse") throw damaged(child, "it is a fixed disk and has no parent");
    const lower = await openChainImage(files, parent.path, parent.format, "write");
    try {
      assertSameSize(upper, lower);
      await work(upper, lower);
    } finally {
      await lower.layer.close();
    }
  } finally {
    await upper.layer.close();
  }
}

async function openSink(image: ChainImage): Promise<SectorSink> {
  if (image.kind !== "sparse") return new FlatSink(image.layer);
  await repairOpened(image);
  return new SparseSink(image);
}

/** A raw image may already have got (a part of) the footer that makes it a fixed disk. */
function assertSameSize(upper: SparseVhd, lower: ChainImage): void {
  const [above, below] = [upper.layer.sizeBytes, lower.layer.sizeBytes];
  const fits =
    lower.kind === "raw" ? below >= above && below <= above + SECTOR_BYTES : below === above;
  if (!fits)
    throw damaged(
      upper.layer.path,
      `its disk has ${above} bytes and that of '${lower.layer.path}' below has ${below}`,
      "Give both the same size first (vhd-util resize).",
    );
}

async function copyDown(
  source: SparseLayer,
  sink: SectorSink,
  { signal, onProgress }: MergeOptions,
): Promise<void> {
  const blockBytes = source.layout.header.blockBytes;
  const bytesTotal = source.layout.table.countStored() * blockBytes;
  const units = unitsOf(source, sink.unitSectors);
  let bytesDone = 0;
  const early = new EarlySync(sink.file);
  let failure: { readonly error: unknown } | undefined;
  const work = async () => {
    const buffer = Buffer.allocUnsafe(sink.roomBytes + sink.unitSectors * SECTOR_BYTES);
    for (const unit of units) {
      if (failure) return;
      if (signal?.aborted) throw new DomsnapError("cancelled", "the merge was stopped on request");
      early.wrote(await copyUnit(source, sink, unit, buffer));
      bytesDone = Math.min(bytesTotal, bytesDone + sink.unitSectors * SECTOR_BYTES);
      onProgress?.({ bytesDone, bytesTotal, subject: source.path });
    }
  };
  // All of this must have ended before the caller may close the files.
  await Promise.all(
    Array.from({ length: COPIES_IN_FLIGHT }, () =>
      work().catch((error: unknown) => {
        failure ??= { error };
      }),
    ),
  );
  await early.end().catch((error: unknown) => {
    failure ??= { error };
  });
  if (failure) throw failure.error;
  await sink.finish();
}

/** Returns how many bytes it has copied. */
async function copyUnit(
  source: SparseLayer,
  sink: SectorSink,
  unit: number,
  buffer: Buffer,
): Promise<number> {
  const first = unit * sink.unitSectors;
  const runs = await source.presentRuns({ sector: first, count: sink.unitSectors });
  const span = spanOf(runs);
  if (!span) return 0;
  // One read for all runs: what lies between them is not written.
  const at = sink.roomBytes + (span.sector - first) * SECTOR_BYTES;
  const target = buffer.subarray(at, at + span.count * SECTOR_BYTES);
  await source.readSectors(target, span.sector);
  await sink.put(unit, buffer, runs);
  return target.length;
}

function spanOf(runs: readonly SectorRun[]): SectorRun | undefined {
  const [first, last] = [runs[0], runs.at(-1)];
  if (!first || !last) return undefined;
  return { sector: first.sector, count: last.sector + last.count - first.sector };
}

/** The units that any stored block touches, ascending; shared by the workers. */
function* unitsOf(source: SparseLayer, unitSectors: number): Generator<number, undefined> {
  const { table } = source.layout;
  let next = 0;
  for (let block = 0; block < table.entries; block++) {
    if (table.offsetOf(block) === undefined) continue;
    const start = block * source.blockSectors;
    const last = Math.floor((start + source.blockSectors - 1) / unitSectors);
    next = Math.max(next, Math.floor(start / unitSectors));
    while (next <= last) yield next++;
  }
  return undefined;
}
