import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import { recoverDomain } from "../../execute/recover.js";
import type { Domain, DomainDefinition, DomainSnapshot } from "../../model/index.js";
import { imageOfDisk } from "../../plan/disk-images.js";
import type { ImportMaterial } from "../../ports/index.js";
import { assertOwnGuest } from "../../rules/index.js";
import type { ImportAdapter } from "./adapt-import.js";
import {
  changeDomain,
  environmentFor,
  lockOptionsOf,
  type ServiceContext,
} from "../shared/context.js";
import { presentDefinition, type PresentDefinition } from "./present-definition.js";
import type { ChangeOptions, ImportRequest } from "../shared/results.js";

/** The domain that an import is about. */
export interface FoundDomain {
  readonly uuid: string;
  /** Set where the domain is not known and is to be defined so. */
  readonly missing?: DomainDefinition;
  readonly warnings?: readonly string[];
}

/**
 * The domain that the user names. Undefined without a name, and for one that is not known and may be
 * defined. Throws `no-domain`.
 */
export async function domainTold(
  context: ServiceContext,
  { domain, define }: ImportRequest,
): Promise<Domain | undefined> {
  if (domain === undefined) return undefined;
  return define ? findKnown(context, domain) : context.connection.toolstack.findDomain(domain);
}

/** The one domain that the source tells of. Throws `no-domain` unless it is known or can be defined. */
export async function domainOfSource(
  context: ServiceContext,
  { source, define, domain: reference }: ImportRequest,
  { items, problems, definition, domainUuid }: ImportMaterial,
  adapter: ImportAdapter,
): Promise<FoundDomain> {
  const { toolstack } = context.connection;
  const uuids = new Set(items.flatMap(({ snapshot }) => uuidOf(snapshot) ?? []));
  for (const uuid of [definition?.uuid, domainUuid]) if (uuid !== undefined) uuids.add(uuid);
  const [uuid, ...others] = uuids;
  if (uuid === undefined || others.length > 0)
    throw new DomsnapError(
      "invalid-argument",
      uuid === undefined
        ? `'${source}' does not tell which domain its snapshots are of` +
            problems
              .slice(0, 1)
              .map(({ record, reason }) => ` (${record}: ${reason})`)
              .join("")
        : `'${source}' holds snapshots of ${String(uuids.size)} domains`,
      { hint: "Name the domain with --domain." },
    );
  try {
    const known = await toolstack.findDomain(uuid);
    assertMeant(reference, known, source);
    return known;
  } catch (thrown) {
    const error = asDomsnapError(thrown);
    const { registry } = toolstack;
    const derived = definition ? undefined : presentDefinition(context, items);
    const present = definition ?? derived?.definition;
    if (error.code === "no-domain" && define && present) {
      assertMeant(reference, present, source);
      assertOwnGuest(present);
    }
    if (error.code !== "no-domain" || !define || !registry || !present)
      throw withHint(error, "Define the domain first, or let --define do it from the source.");
    const missing = adapter.adaptDefinition(present);
    return { uuid, missing, warnings: derived ? [derivedWarning(derived, missing)] : [] };
  }
}

/** A source with the snapshots of another domain than the named one is a mistake. */
function assertMeant(
  reference: string | undefined,
  { name, uuid }: Pick<Domain, "name" | "uuid">,
  source: string,
): void {
  if (reference === undefined || reference === name || reference.toLowerCase() === uuid) return;
  throw new DomsnapError(
    "invalid-argument",
    `'${source}' holds snapshots of domain '${name}' (${uuid}), not of '${reference}'`,
  );
}

/** The uuid of the domain that a snapshot is of, as far as it tells. */
export function uuidOf({ domain, domainUuid }: DomainSnapshot): string | undefined {
  return domain?.uuid ?? domainUuid;
}

function derivedWarning(
  { snapshotName }: PresentDefinition,
  { name, disks }: DomainDefinition,
): string {
  const images = disks.flatMap((disk) => imageOfDisk(disk)?.path ?? []).join(", ");
  return (
    `domain '${name}' is defined as it stood after snapshot '${snapshotName}', for the source ` +
    `does not tell more; make sure that it goes on with ${images || "no image"}`
  );
}

function withHint(error: DomsnapError, hint: string): DomsnapError {
  return error.code === "no-domain"
    ? new DomsnapError(error.code, error.detail, { cause: error, hint })
    : error;
}

/** Does what is left of an import in one go: the definition if there is none yet, and the records. */
export type Recording = (record: () => Promise<void>) => Promise<void>;

/**
 * Holds the domain of an import like `changeDomain`. One that is missing is there for `work` as it
 * is to be; its definition is written right before the records, and taken back when they fail. Only
 * a process that is killed in between leaves it, without snapshots.
 */
export async function changeFoundDomain<Result>(
  context: ServiceContext,
  { uuid, missing }: FoundDomain,
  options: ChangeOptions,
  work: (domain: Domain, recording: Recording) => Promise<Result>,
): Promise<Result> {
  const onlyRecords: Recording = (record) => record();
  if (!missing) return changeDomain(context, uuid, options, (domain) => work(domain, onlyRecords));
  context.connection.toolstack.assertOwn?.(missing);
  return context.connection.lock.run(uuid, lockOptionsOf(options), async () => {
    await recoverDomain(uuid, environmentFor(context, options));
    const known = await findKnown(context, uuid);
    if (known) return work(known, onlyRecords);
    const { name } = missing;
    const domain: Domain = { name, uuid, state: "shutoff", persistent: true, definition: missing };
    return work(domain, (record) => recordNew(context, missing, record));
  });
}

async function recordNew(
  context: ServiceContext,
  { uuid, xml }: DomainDefinition,
  record: () => Promise<void>,
): Promise<void> {
  const { registry } = context.connection.toolstack;
  // Defining takes no lock of a domain that is new: somebody else may have been faster.
  if (!registry || (await findKnown(context, uuid))) return record();
  await registry.define(xml);
  try {
    await record();
  } catch (thrown) {
    // What remains of a definition that cannot be removed is no second failure: it can be seen.
    if (asDomsnapError(thrown).effect !== "partial")
      await registry.undefine(uuid).catch(() => undefined);
    throw thrown;
  }
}

async function findKnown(
  { connection: { toolstack } }: ServiceContext,
  reference: string,
): Promise<Domain | undefined> {
  try {
    return await toolstack.findDomain(reference);
  } catch (thrown) {
    if (asDomsnapError(thrown).code === "no-domain") return undefined;
    throw thrown;
  }
}
