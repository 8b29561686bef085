import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import type { HostFiles, JournalEntry } from "../../ports/index.js";
import { lockOptionsOf, type ServiceContext } from "../shared/context.js";
import type { Abandonment, ChangeOptions, OperationState } from "../shared/results.js";
import { openOperation } from "./open-operation.js";

type Named = Abandonment["domain"];

/** See `SnapshotService.abandon`. */
export async function abandonChange(
  context: ServiceContext,
  reference: string,
  options: ChangeOptions = {},
): Promise<Abandonment> {
  const { lock, journal } = context.connection;
  const domain = await resolve(context, reference);
  const { uuid } = domain;
  return lock.run(uuid, lockOptionsOf(options), async () => {
    const found = await look(context, domain);
    if (options.dryRun) return found;
    const keptAt = await journal.abandon(uuid);
    return { ...found, ...(keptAt === undefined ? {} : { keptAt }) };
  });
}

/** Its definition may be gone, or be what cannot be read: the uuid of a journal is enough. */
async function resolve(
  { connection: { journal, toolstack } }: ServiceContext,
  reference: string,
): Promise<Named> {
  const domains = await toolstack.listDomains();
  const found =
    domains.find(({ uuid }) => uuid === reference) ??
    domains.find(({ name }) => name === reference);
  if (found) return { name: found.name, uuid: found.uuid };
  if ((await journal.list()).includes(reference)) return { name: reference, uuid: reference };
  const { name, uuid } = await toolstack.findDomain(reference);
  return { name, uuid };
}

async function look(
  { connection: { journal }, files }: ServiceContext,
  domain: Named,
): Promise<Abandonment> {
  try {
    const entry = await journal.read(domain.uuid);
    if (!entry) throw nothingInterrupted(domain);
    return {
      domain: entry.plan.domain,
      operation: openOperation(entry),
      operations: statesOf(entry),
      files: await filesMade(entry, files),
    };
  } catch (thrown) {
    const error = asDomsnapError(thrown);
    if (error.code !== "recovery-failed") throw error;
    return { domain, operations: [], files: [], error };
  }
}

function statesOf({ plan, started, finished }: JournalEntry): OperationState[] {
  return [...plan.before, ...plan.after].map((operation, index) => ({
    operation,
    state: finished.has(index) ? "done" : started.has(index) ? "begun" : "not-begun",
  }));
}

/** A file may have the name that it was made for, or still one beside it. */
async function filesMade({ made }: JournalEntry, files: HostFiles): Promise<string[]> {
  const found = new Set<string>();
  for (const { place, identity } of made)
    for (const path of await namesBeside(place, files)) {
      const entries = await files.identify(path).catch(() => []);
      if (entries.some((entry) => entry.identity === identity)) found.add(path);
    }
  return [...found].sort();
}

async function namesBeside(place: string, files: HostFiles): Promise<string[]> {
  const folder = place.slice(0, place.lastIndexOf("/")) || "/";
  const entries = await files.list(folder).catch(() => []);
  return entries.map(({ path }) => path).filter((path) => path.startsWith(place));
}

function nothingInterrupted({ name }: Named): DomsnapError {
  return new DomsnapError("operation-invalid", `no change of domain '${name}' was interrupted`);
}
