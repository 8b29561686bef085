import { DomsnapError } from "../../core/errors/index.js";
import type { OperationProgress } from "../../core/ports/index.js";
import { uncovered } from "./bitmap.js";
import { openChainImage, type ChainImage } from "./chain.js";
import { damaged } from "./damage.js";
import type { ImageFiles } from "./image-files.js";
import { SECTOR_BYTES, type SectorRun } from "./layout.js";
import type { MergeTarget } from "./merge.js";
import { openVhd } from "./open-vhd.js";

/**
 * Reads back a merge that another program has made: everything that `child` holds must be in
 * `parent`, byte for byte. Changes nothing. Memory is two blocks and the tables. Throws
 * `operation-failed` with the first place that differs, and `disk-unsupported` when the parent is
 * no whole image any more.
 */
export async function assertMerged(
  files: ImageFiles,
  child: string,
  parent: MergeTarget,
  onProgress?: (progress: OperationProgress) => void,
): Promise<void> {
  const upper = await openVhd(files, child);
  try {
    if (upper.kind !== "sparse") throw damaged(child, "it is a fixed disk and has no parent");
    const lower = await openChainImage(files, parent.path, parent.format);
    try {
      if (lower.kind === "sparse" && lower.footerMissing)
        throw damaged(parent.path, "its trailing footer is missing");
      const { layer } = upper;
      const { table } = layer.layout;
      const bytesTotal = table.countStored() * layer.layout.header.blockBytes;
      let bytesDone = 0;
      for (let block = 0; block < table.entries; block++) {
        if (table.offsetOf(block) === undefined) continue;
        const whole = { sector: block * layer.blockSectors, count: layer.blockSectors };
        for (const run of await layer.presentRuns(whole)) await assertSame(upper, lower, run);
        bytesDone += layer.layout.header.blockBytes;
        onProgress?.({ bytesDone, bytesTotal });
      }
    } finally {
      await lower.layer.close();
    }
  } finally {
    await upper.layer.close();
  }
}

async function assertSame(upper: ChainImage, lower: ChainImage, run: SectorRun): Promise<void> {
  const [absent] = uncovered(run, await lower.layer.presentRuns(run));
  if (absent) throw notMerged(lower, absent.sector);
  const [wanted, found] = await Promise.all(
    [upper, lower].map(async ({ layer }) => {
      const bytes = Buffer.allocUnsafe(run.count * SECTOR_BYTES);
      await layer.readSectors(bytes, run.sector);
      return bytes;
    }),
  );
  if (wanted && found && !wanted.equals(found)) throw notMerged(lower, run.sector);
}

function notMerged({ layer }: ChainImage, sector: number): DomsnapError {
  return new DomsnapError(
    "operation-failed",
    `image '${layer.path}' does not hold what was merged into it, from sector ${sector} on`,
  );
}
