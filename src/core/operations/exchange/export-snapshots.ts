import { DomsnapError } from "../../errors/index.js";
import {
  childrenOf,
  isActive,
  type Domain,
  type DomainSnapshot,
  type SnapshotTree,
} from "../../model/index.js";
import { definitionsOf, knownImages, removablePaths } from "../../plan/image-references.js";
import type { ExportFormat } from "../../ports/index.js";
import { lockOptionsOf, readDomain, type ServiceContext } from "../shared/context.js";
import { gatherNeeds } from "../shared/gather-needs.js";
import { gatherTrust } from "../shared/gather-trust.js";
import { readAllRecords, readHeads } from "../shared/records.js";
import type { ChangeOptions, ExportRequest, ExportResult } from "../shared/results.js";

/** See `SnapshotService.export`. Holds the domain's lock, so that nothing moves meanwhile. */
export async function exportSnapshots(
  context: ServiceContext,
  reference: string,
  request: ExportRequest,
  options: ChangeOptions = {},
): Promise<ExportResult> {
  const format = await findFormat(context, request);
  const { domain: named, unsettled } = await readDomain(context, reference);
  // What images hold is not what the records tell as long as something waits to be settled.
  if (unsettled && request.images) throw unsettled;
  const domain = await context.connection.toolstack.findDomain(named.uuid);
  if (request.images && isActive(domain))
    throw new DomsnapError("operation-invalid", `domain '${domain.name}' is active`, {
      hint: "Shut it down first, so that its images do not change while they are copied.",
    });
  return context.connection.lock.run(domain.uuid, lockOptionsOf(options), async () => {
    const heads = await readHeads(context, domain.uuid);
    const records = await readAllRecords(context, domain.uuid, heads);
    if (request.images) await assertTrusted(context, domain, records, options);
    const { files, warnings } = await format.write(
      {
        domain,
        snapshots: parentsFirst(heads.tree, records),
        ...(heads.current && { current: heads.current.name }),
      },
      request.folder,
      {
        images: request.images ?? false,
        dryRun: options.dryRun ?? false,
        signal: options.signal ?? new AbortController().signal,
        progress: (progress) => options.onProgress?.({ type: "export-progress", ...progress }),
      },
    );
    return {
      ...{ domain, files, snapshots: records.length, executed: !options.dryRun },
      warnings: unsettled ? [unsettled.message, ...warnings] : warnings,
    };
  });
}

/**
 * Throws `path-untrusted`: what is copied can be read by whoever gets the copies, and may be any file of
 * the host that a document or the header of an image has named.
 */
async function assertTrusted(
  context: ServiceContext,
  domain: Domain,
  records: readonly DomainSnapshot[],
  options: ChangeOptions,
): Promise<void> {
  const needs = await gatherNeeds(context, { domain, records }, [], {});
  const trust = await gatherTrust(context, domain, records, needs, options);
  const definitions = [domain.definition, domain.inactiveDefinition];
  const removable = removablePaths([...records.flatMap(definitionsOf), ...definitions]);
  const images = [...knownImages(records, definitions).keys()].filter(
    (path) => !removable.has(path),
  );
  const memory = records.flatMap((record) => record.memory?.file ?? []);
  for (const path of [...images.flatMap((image) => needs.chainOf(image)), ...memory])
    trust.assert(path, "exported");
}

async function findFormat(
  { exchange }: ServiceContext,
  request: ExportRequest,
): Promise<ExportFormat> {
  const { exportFormats } = await exchange();
  const format = exportFormats.find(({ id }) => id === request.format);
  const known = exportFormats.map(({ id, summary }) => `${id} (${summary})`).join("; ");
  if (!format)
    throw new DomsnapError("invalid-argument", `there is no export format '${request.format}'`, {
      hint: `Use one of these: ${known}.`,
    });
  if (request.images && !format.copiesImages)
    throw new DomsnapError("invalid-argument", `the format '${format.id}' holds no images`, {
      hint: "Use --to bundle.",
    });
  return format;
}

/** Level by level, the oldest of siblings first: the order in which they are linked again. */
function parentsFirst(tree: SnapshotTree, records: readonly DomainSnapshot[]): DomainSnapshot[] {
  const byName = new Map(records.map((record) => [record.name, record]));
  const ordered: DomainSnapshot[] = [];
  // Grows while it is walked.
  const waiting = tree.roots.toReversed();
  for (const { name } of waiting) {
    const record = byName.get(name);
    if (record) ordered.push(record);
    for (const child of childrenOf(tree, name).toReversed()) waiting.push(child);
  }
  return ordered;
}
