import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import { executePlan } from "../../execute/execute-plan.js";
import type { Domain, DomainDefinition, DomainSnapshot } from "../../model/index.js";
import { planImport } from "../../plan/plan-import.js";
import type { ImportItem, ImportMaterial, ImportSource } from "../../ports/index.js";
import {
  alignDisks,
  arrangeImport,
  withoutDuplicates,
  withoutForeignGuest,
  type ImportCandidate,
} from "../../rules/index.js";
import { ImportAdapter } from "./adapt-import.js";
import { environmentFor, type ServiceContext } from "../shared/context.js";
import {
  changeFoundDomain,
  domainOfSource,
  domainTold,
  uuidOf,
  type FoundDomain,
} from "./import-domain.js";
import { rename, settleNames, TakenNames, type Settled, type Skipped } from "./import-names.js";
import { readHeads } from "../shared/records.js";
import type { ChangeOptions, ImportEntry, ImportRequest, ImportResult } from "../shared/results.js";
import { ImportVerifier } from "./verify-import.js";

/** See `SnapshotService.import`. Linear in the number of snapshots. */
export async function importSnapshots(
  context: ServiceContext,
  request: ImportRequest,
  options: ChangeOptions = {},
): Promise<ImportResult> {
  const told = await domainTold(context, request);
  const source = await findSource(context, request);
  const material = told ? undefined : await source.read(request.source, undefined, request.domain);
  const found: FoundDomain = material
    ? await domainOfSource(context, request, material, adapterFor(context, request, material))
    : { uuid: told?.uuid ?? "" };
  return changeFoundDomain(context, found, options, async (domain, recording) => {
    // What is in a domain's images is read while nobody else changes them; and a source whose
    // snapshots do not tell their domain may know more of it now.
    const isEnough = material !== undefined && material.domainUuid === undefined;
    const complete = isEnough ? material : await source.read(request.source, domain);
    const warnings = [...(found.warnings ?? []), ...(complete.warnings ?? [])];
    const prepared = await prepareImport(context, domain, { ...complete, warnings }, request);
    const [plan] = prepared.plans;
    if (!options.dryRun)
      await recording(async () => {
        if (plan) await executePlan(plan, environmentFor(context, options));
      });
    return { ...prepared, executed: !options.dryRun };
  });
}

async function findSource(
  { exchange }: ServiceContext,
  { source, from }: ImportRequest,
): Promise<ImportSource> {
  const { importSources } = await exchange();
  const known = importSources.map(({ id, summary }) => `${id} (${summary})`).join("; ");
  if (from !== undefined) {
    const named = importSources.find(({ id }) => id === from);
    if (named) return named;
    throw new DomsnapError("invalid-argument", `there is no import source '${from}'`, {
      hint: `Use one of these: ${known}.`,
    });
  }
  for (const candidate of importSources) if (await candidate.recognizes(source)) return candidate;
  throw new DomsnapError("invalid-argument", `nothing to import was recognised in '${source}'`, {
    hint: `Look whether it is there and may be read, or name the kind with --from. Use one of these: ${known}.`,
  });
}

/** The user's own mappings count more than those of the source. */
function adapterFor(
  { documents }: ServiceContext,
  { mappings = [], toXen = false }: ImportRequest,
  material: ImportMaterial,
): ImportAdapter {
  return new ImportAdapter(documents, {
    mappings: [...mappings, ...(material.mappings ?? [])],
    toXen,
  });
}

/** What is to be recorded and what is left out; nothing is written yet. */
async function prepareImport(
  context: ServiceContext,
  domain: Domain,
  material: ImportMaterial,
  request: ImportRequest,
): Promise<Omit<ImportResult, "executed">> {
  const heads = await readHeads(context, domain.uuid);
  const chosen = await chooseCandidates(context, domain, material, request);
  const taken = new TakenNames(context.connection.store, domain.uuid, heads);
  const arranged = arrangeImport(chosen.candidates, chosen.skipped, taken);
  const settled = await settleNames(arranged, taken, request);
  const kept = heads.current?.name;
  const wanted = settled.current;
  const current = kept === undefined ? wanted : undefined;
  const warnings = [...(material.warnings ?? []), ...arranged.warnings];
  if (kept !== undefined && wanted !== undefined && kept !== wanted)
    warnings.push(`'${kept}' stays the current snapshot; the source says '${wanted}'`);
  const plan = planImport({
    domain,
    snapshots: settled.added.map(({ snapshot }) => snapshot),
    warnings,
    ...(current !== undefined && { current }),
  });
  return {
    domain,
    plans: plan ? [plan] : [],
    warnings,
    entries: entriesOf(settled, material),
    ...(current !== undefined && { current }),
  };
}

interface Choice {
  readonly candidates: readonly ImportCandidate[];
  readonly skipped: readonly Skipped[];
}

/** Of all that was read: what is this domain's, once, adapted to this host, with its images there. */
async function chooseCandidates(
  context: ServiceContext,
  domain: Domain,
  material: ImportMaterial,
  request: ImportRequest,
): Promise<Choice> {
  const { items } = material;
  const { candidates: unique, skipped: duplicates } = withoutDuplicates(items.map(candidateOf));
  const skipped: Skipped[] = [...duplicates];
  const adapter = adapterFor(context, request, material);
  const looks = context.connection.toolstack.touchesImages && !request.metadataOnly;
  const verifier = looks ? new ImportVerifier(context) : undefined;
  const candidates: ImportCandidate[] = [];
  for (const found of unique) {
    const outcome = await prepare(
      context,
      domain,
      adapter.adapt(withoutForeignGuest(found)),
      request,
      verifier,
    );
    if ("reason" in outcome) skipped.push(outcome);
    else candidates.push(outcome);
  }
  return { candidates, skipped };
}

function candidateOf({ origin, snapshot, current, notes }: ImportItem): ImportCandidate {
  return { origin, snapshot, current: current ?? false, notes: notes ?? [] };
}

async function prepare(
  context: ServiceContext,
  domain: Domain,
  candidate: ImportCandidate,
  { renames }: ImportRequest,
  verifier: ImportVerifier | undefined,
): Promise<ImportCandidate | Skipped> {
  const { name, parent } = candidate.snapshot;
  const skip = (reason: string) => ({ origin: candidate.origin, name, reason, parent });
  const uuid = uuidOf(candidate.snapshot);
  if (uuid !== undefined && uuid !== domain.uuid)
    return skip(`it belongs to another domain, with the uuid ${uuid}`);
  let fitting: { readonly complete: ImportCandidate; readonly renamed: ImportCandidate };
  try {
    const complete = completed(candidate, domain);
    const renamed = rename(complete, renames ?? new Map());
    context.connection.store.assertName(renamed.snapshot.name);
    fitting = { complete, renamed };
  } catch (thrown) {
    return skip(asDomsnapError(thrown).message);
  }
  const { complete, renamed } = fitting;
  // By the name that its images know.
  const verification = await verifier?.verify(complete.snapshot);
  const problems = verification?.problems ?? [];
  if (problems.length > 0) return skip(problems.join("; "));
  return { ...renamed, notes: [...renamed.notes, ...(verification?.notes ?? [])] };
}

/**
 * A snapshot that holds no definition gets the present one, if its source could not have held any;
 * disks whose mode is not told are decided as a redefinition decides them.
 */
function completed(candidate: ImportCandidate, domain: Domain): ImportCandidate {
  const notes = [...candidate.notes];
  let { snapshot } = candidate;
  if (!snapshot.domain && snapshot.domainUuid === undefined) {
    snapshot = withDefinition(snapshot, domain.definition);
    notes.push("it holds no domain definition: the present one is recorded with it");
  } else if (!snapshot.domain)
    notes.push("it holds no domain definition: no revert to it is possible");
  if (snapshot.domain && snapshot.disks.some(isUndecided)) {
    const options = {
      snapshotName: snapshot.name,
      defaultMode: "internal",
      uniform: false,
    } as const;
    snapshot = { ...snapshot, disks: alignDisks(snapshot.disks, snapshot.domain, options) };
    notes.push("disks that it does not name, or not by their target, are completed");
  }
  return { ...candidate, snapshot, notes };
}

/** Disks that the source does not name take no part. */
function withDefinition(snapshot: DomainSnapshot, definition: DomainDefinition): DomainSnapshot {
  const named = new Set(snapshot.disks.map(({ name }) => name));
  const others = definition.disks
    .filter(({ target }) => !named.has(target))
    .map(({ target }) => ({ name: target, type: "file", mode: "no" }) as const);
  return { ...snapshot, disks: [...snapshot.disks, ...others], domain: definition };
}

function isUndecided({ name, mode }: DomainSnapshot["disks"][number]): boolean {
  return mode === undefined || name.startsWith("/");
}

function entriesOf({ added, unchanged, skipped }: Settled, { problems }: ImportMaterial) {
  const entry =
    (outcome: ImportEntry["outcome"]) =>
    (candidate: ImportCandidate): ImportEntry => ({
      origin: candidate.origin,
      name: candidate.snapshot.name,
      outcome: outcome === "imported" && candidate.notes.length > 0 ? "adapted" : outcome,
      details: candidate.notes,
    });
  return [
    ...added.map(entry("imported")),
    ...unchanged.map(entry("unchanged")),
    ...skipped.map(({ origin, name, reason }) => ({
      origin,
      name,
      outcome: "skipped" as const,
      details: [reason],
    })),
    ...problems.map(({ record, reason }) => ({
      origin: record,
      outcome: "skipped" as const,
      details: [reason],
    })),
  ];
}
