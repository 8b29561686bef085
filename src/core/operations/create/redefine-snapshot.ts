import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import type { CreateFlags, Domain, DomainSnapshot } from "../../model/index.js";
import { planRedefine } from "../../plan/plan-create.js";
import { assertTakenMemory } from "../../plan/saved-memory.js";
import type { ParsedSnapshot } from "../../ports/index.js";
import { prepareRedefine } from "../../rules/index.js";
import { runUnlessDry, type ServiceContext } from "../shared/context.js";
import { assertNoDamagedRecord, readCurrent, readHeads } from "../shared/records.js";
import type { CreateOptions, CreateResult } from "../shared/results.js";

/** Records a snapshot that exists already; the caller holds the domain. No image is touched. Throws `memory-foreign`. */
export async function redefineSnapshot(
  context: ServiceContext,
  domain: Domain,
  parsed: ParsedSnapshot,
  flags: CreateFlags,
  options: CreateOptions,
): Promise<CreateResult> {
  const { toolstack, store } = context.connection;
  const heads = await readHeads(context, domain.uuid);
  const exists = parsed.name !== undefined && heads.tree.byName.has(parsed.name);
  const existing = exists ? await store.read(domain.uuid, parsed.name) : undefined;
  const edited = options.original && (await readOriginal(context, domain, options.original));
  const source = existing ?? edited;
  const snapshot = prepareRedefine({
    parsed,
    flags,
    domain,
    rules: toolstack.rules,
    heads: heads.tree.byName,
    existing,
    source,
    probe: context.probe,
  });
  if (toolstack.touchesImages) await assertMemory(context, snapshot, source);
  store.assertName(snapshot.name);
  assertNoDamagedRecord(heads, snapshot.name);
  const previousCurrent = await readCurrent(context, domain, heads);
  const plan = planRedefine({
    domain,
    snapshot,
    makeCurrent: flags.current === true,
    ...(previousCurrent ? { previousCurrent } : {}),
  });
  await runUnlessDry(context, plan, options);
  return { domain, snapshot, plans: [plan], executed: !options.dryRun, warnings: [] };
}

/** What the record says already is not asked again: it may be given another name or description. */
async function assertMemory(
  { lookAtMemory }: ServiceContext,
  { memory }: DomainSnapshot,
  source: DomainSnapshot | undefined,
): Promise<void> {
  if (memory?.file === undefined || memory.file === source?.memory?.file) return;
  assertTakenMemory(memory.file, await lookAtMemory(memory.file));
}

/**
 * The record whose document was edited. Throws `record-changed` unless it is as it was then:
 * whoever has changed or deleted it meanwhile meant that, too.
 */
async function readOriginal(
  { connection: { store }, documents }: ServiceContext,
  { uuid, name: domainName }: Domain,
  { name, document }: NonNullable<CreateOptions["original"]>,
): Promise<DomainSnapshot> {
  const changed = (how: string) =>
    new DomsnapError(
      "record-changed",
      `snapshot '${name}' of domain '${domainName}' has been ${how} since its document was read`,
      { hint: `Look at it with 'domsnap snapshot-dumpxml ${domainName} ${name}', then repeat.` },
    );
  const record = await store.read(uuid, name).catch((thrown: unknown) => {
    const error = asDomsnapError(thrown);
    throw error.code === "no-domain-snapshot" ? changed("deleted") : error;
  });
  if (documents.formatSnapshot(record, { secure: true }) !== document) throw changed("changed");
  return record;
}
