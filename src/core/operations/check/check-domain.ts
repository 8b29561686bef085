import { asDomsnapError } from "../../errors/index.js";
import type { Domain } from "../../model/index.js";
import {
  checkFiles,
  checkImages,
  checkRecords,
  type Finding,
  type Repair,
} from "../../rules/index.js";
import { heldDisks, lookAtImages, missingBackends } from "./check-facts.js";
import { lookAtFiles } from "./file-facts.js";
import { changeDomain, type ServiceContext } from "../shared/context.js";
import { gatherNeeds } from "../shared/gather-needs.js";
import { isOf, tellNeed } from "../../plan/needs.js";
import { ImageNeeds } from "../../plan/image-needs.js";
import { readEach, readHeads, type RecordFailure } from "../shared/records.js";
import type { ChangeOptions, CheckOptions, CheckReport } from "../shared/results.js";

/** See `SnapshotService.check`. */
export async function checkDomains(
  context: ServiceContext,
  reference?: string,
  options: CheckOptions = {},
): Promise<CheckReport[]> {
  const { toolstack } = context.connection;
  if (reference !== undefined)
    return [await checkOne(context, await toolstack.findDomain(reference), options)];
  const domains = await toolstack.listDomains();
  const everyone = toolstack.touchesImages
    ? await gatherNeeds(context, { domains }, [], {})
    : undefined;
  const reports: CheckReport[] = [];
  for (const domain of domains) reports.push(await checkOne(context, domain, options, everyone));
  return [
    ...reports,
    ...(await unreadableReports(context)),
    ...(await strayReports(context, domains)),
  ];
}

/** See `SnapshotService.repair`. */
export async function repairDomain(
  context: ServiceContext,
  reference: string,
  accepted: readonly Finding[],
  options: ChangeOptions = {},
): Promise<CheckReport> {
  return changeDomain(context, reference, options, async (domain) => {
    const agreed = new Set(accepted.map(keyOf));
    const { findings } = await checkOne(context, domain, options);
    for (const finding of findings)
      if (finding.repair && agreed.has(keyOf(finding)))
        await repair(context, domain, finding.repair);
    return checkOne(context, domain, options);
  });
}

/** Only what was shown is repaired, also if the world has changed since. */
function keyOf({ code, subject }: Finding): string {
  return `${code}\0${subject}`;
}

async function repair(
  { connection, files }: ServiceContext,
  { uuid }: Domain,
  wanted: Repair,
): Promise<void> {
  const { store } = connection;
  switch (wanted.kind) {
    case "recover":
      // Taking the lock has done it.
      return;
    case "make-root": {
      const { parent: _lost, ...snapshot } = await store.read(uuid, wanted.snapshot);
      return store.write(uuid, snapshot);
    }
    case "clear-current":
      return store.setCurrent(uuid, undefined);
    case "renew-view":
      return store.views?.renew(uuid, wanted.snapshot);
    case "restrict-file":
      return files.restrict(wanted.path);
    case "remove-file":
      return files.remove(wanted.path);
  }
}

/** `everyone`: who needs what, where it was asked already. */
async function checkOne(
  context: ServiceContext,
  domain: Domain,
  options: CheckOptions,
  everyone?: ImageNeeds,
): Promise<CheckReport> {
  const interruption = await openChange(context, domain);
  // Until it is settled, nothing else can be told from what it has left half done.
  if (interruption) return { domain, findings: [interruption] };
  const heads = await readHeads(context, domain.uuid);
  const { store } = context.connection;
  const { records, failures } = await readEach(store, domain.uuid, heads.tree.byName.keys());
  const { definition, inactiveDefinition } = domain;
  const definitions = [definition, ...(inactiveDefinition ? [inactiveDefinition] : [])];
  const touches = context.connection.toolstack.touchesImages;
  const held = touches ? heldDisks(context, records) : [];
  const needs = touches
    ? (everyone ?? (await gatherNeeds(context, { domain, records }, [], {})))
    : undefined;
  const images = needs
    ? await lookAtImages(context, records, definitions, needs)
    : new Map<string, never>();
  const shared = needs ? usersBeside(domain, [...images.keys()], needs) : new Map<string, never>();
  return {
    domain,
    findings: [
      ...checkRecords(heads),
      ...failures.map(unreadable),
      ...(touches ? missingBackends(context, records) : []),
      ...(await checkViews(context, domain)),
      ...checkImages({ images, held, shared }),
      ...checkFiles(
        await lookAtFiles(
          context,
          { domain, records, images, held, needs: needs ?? ImageNeeds.none },
          options,
        ),
      ),
    ],
  };
}

/** By path: what other domains need images for. */
function usersBeside(
  domain: Domain,
  paths: readonly string[],
  needs: ImageNeeds,
): Map<string, string> {
  const users = new Map<string, string>();
  for (const path of paths) {
    const around = [path, ...needs.knownToStandOn(path)];
    const need = around.flatMap((one) => needs.knownNeedsOf(one)).find((one) => !isOf(one, domain));
    if (need) users.set(path, tellNeed(need));
  }
  return users;
}

async function openChange(
  { connection: { journal, lock } }: ServiceContext,
  { uuid, name }: Domain,
): Promise<Finding | undefined> {
  try {
    const entry = await journal.read(uuid);
    if (!entry) return undefined;
    const holder = await lock.holder(uuid);
    const { verb, snapshot } = entry.plan;
    const by = holder ? `under way by ${holder.description}` : "interrupted";
    return {
      code: "interrupted",
      subject: name,
      detail: `${verb} of snapshot '${snapshot}' is ${by}`,
      ...(holder ? {} : { repair: { kind: "recover" } }),
    };
  } catch (thrown) {
    const { message } = asDomsnapError(thrown);
    return { code: "journal-unreadable", subject: name, detail: message };
  }
}

function unreadable({ name, error }: RecordFailure): Finding {
  return { code: "record-unreadable", subject: name, detail: error.message };
}

async function checkViews(
  { connection: { store } }: ServiceContext,
  { uuid }: Domain,
): Promise<Finding[]> {
  const problems = (await store.views?.check(uuid)) ?? [];
  return problems.map(({ path, reason, snapshot }) => {
    const repair = { kind: "renew-view", snapshot } as const;
    return { code: "view-stale", subject: path, detail: reason, repair };
  });
}

/** Records of domains that are not defined. */
async function unreadableReports({ connection }: ServiceContext): Promise<CheckReport[]> {
  const problems = (await connection.toolstack.listProblems?.()) ?? [];
  return problems.map(({ definition, reason }) => ({
    domain: { uuid: "", name: definition.slice(definition.lastIndexOf("/") + 1) },
    findings: [{ code: "definition-unreadable", subject: definition, detail: reason }],
  }));
}

async function strayReports(
  { connection }: ServiceContext,
  domains: readonly Domain[],
): Promise<CheckReport[]> {
  const defined = new Set(domains.map(({ uuid }) => uuid));
  const strays: CheckReport[] = [];
  for (const uuid of await connection.store.domains()) {
    if (defined.has(uuid)) continue;
    const { heads, problems } = await connection.store.index(uuid);
    const count = heads.length + problems.length;
    if (count === 0) continue;
    const detail = `${count} records are kept for it`;
    strays.push({
      domain: { uuid, name: uuid },
      findings: [{ code: "domain-unknown", subject: uuid, detail }],
    });
  }
  return strays;
}
