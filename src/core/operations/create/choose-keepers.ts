import { DomsnapError } from "../../errors/index.js";
import {
  isActive,
  type CreateFlags,
  type DiskSnapshot,
  type Domain,
  type DomainDisk,
  type SnapshotForm,
} from "../../model/index.js";
import { findDisk, isTaken } from "../../plan/disk-images.js";
import type { TakenDisk } from "../../plan/kept-disk.js";
import type { DiskBackend, DiskWish, ParsedSnapshot } from "../../ports/index.js";
import {
  askedOf,
  diskAssessor,
  formOf,
  refused,
  type DiskAssessor,
  type Refusal,
} from "../shared/choose-backend.js";
import type { ServiceContext } from "../shared/context.js";
import type { CreateOptions } from "../shared/results.js";

/** Throws `argument-unsupported` where there is no choice of a backend to make. */
export function assertChoosable(
  { connection: { toolstack } }: ServiceContext,
  { redefine }: CreateFlags,
  { backends }: Pick<CreateOptions, "backends">,
): void {
  if (!backends || backends.size === 0) return;
  if (!toolstack.touchesImages)
    throw new DomsnapError(
      "argument-unsupported",
      `no disk backend can be chosen: '${toolstack.uri}' touches no image`,
    );
  if (redefine === true)
    throw new DomsnapError(
      "argument-unsupported",
      "a disk backend is chosen when a snapshot is taken, not when it is redefined",
    );
}

/** The request with the backends that the caller has named; a disk it does not have is added. */
export function withChoices(
  parsed: ParsedSnapshot,
  choices: CreateOptions["backends"],
): ParsedSnapshot {
  if (!choices || choices.size === 0) return parsed;
  const named = new Set(parsed.disks.map(({ name }) => name));
  const disks = parsed.disks.map((disk) => {
    const backend = choices.get(disk.name);
    return backend === undefined ? disk : { ...disk, backend };
  });
  const added = [...choices]
    .filter(([name]) => !named.has(name))
    .map(([name, backend]): DiskSnapshot => ({ name, type: "file", backend }));
  return { ...parsed, disks: [...disks, ...added] };
}

/**
 * Every disk that takes part with the backend that keeps it, and the format of the file that is
 * made, as the record will tell for ever: neither is guessed or probed later. Throws
 * `disk-unsupported` for backends that the caller has chosen and that cannot, with those that can.
 */
export async function chooseKeepers(
  context: ServiceContext,
  domain: Domain,
  disks: readonly DiskSnapshot[],
): Promise<DiskSnapshot[]> {
  const refusals: Refusal[] = [];
  const kept: DiskSnapshot[] = [];
  for (const disk of disks) {
    const refusal = await refuseChoice(context, domain, disk);
    if (refusal) refusals.push(refusal);
    else kept.push(withKeeper(context, domain, disk));
  }
  if (refusals.length > 0) throw refused(refusals);
  return kept;
}

function withKeeper(
  { backends }: ServiceContext,
  { definition }: Domain,
  disk: DiskSnapshot,
): DiskSnapshot {
  const domainDisk = findDisk(definition, disk.name);
  if (!domainDisk || !isTaken(disk)) return disk;
  const backend =
    disk.backend === undefined ? backends.choose(domainDisk, disk) : backends.byId(disk.backend);
  if (!backend) return disk;
  const format = disk.mode === "external" ? (disk.format ?? backend.defaultFormat) : disk.format;
  return { ...disk, backend: backend.id, ...(format && { format }) };
}

/** What speaks against the backend that the caller has named for a disk, if one is named. */
async function refuseChoice(
  context: ServiceContext,
  domain: Domain,
  disk: DiskSnapshot,
): Promise<Refusal | undefined> {
  const { name: target, backend: id } = disk;
  if (id === undefined) return undefined;
  const backend = context.backends.find(id);
  if (!backend)
    return {
      target,
      reason: `there is no disk backend '${id}'`,
      remedy: `Name one of these: ${context.backends.describe()}.`,
    };
  const domainDisk = findDisk(domain.definition, target);
  if (!domainDisk || !isTaken(disk))
    return {
      target,
      reason: `disk '${target}' takes no part in the snapshot, so '${id}' cannot keep it`,
      remedy: "Leave the backend out, or ask for the disk with snapshot='external' or 'internal'.",
    };
  const question = await questionOf(context, domain, domainDisk, disk);
  const reason = await whyNot(backend, question);
  if (reason === undefined) return undefined;
  return {
    target,
    reason: `disk backend '${id}' cannot keep disk '${target}': ${reason}`,
    remedy: await remedyFor(context, backend, question),
  };
}

interface Question {
  readonly disk: DomainDisk;
  readonly form: SnapshotForm;
  readonly wish: Omit<DiskWish, "mode" | "format">;
  readonly assessor: DiskAssessor;
}

async function questionOf(
  { connection: { toolstack } }: ServiceContext,
  domain: Domain,
  disk: DomainDisk,
  kept: TakenDisk,
): Promise<Question> {
  const live = isActive(domain);
  return {
    disk,
    form: formOf(kept),
    wish: { verb: "create", live, captured: live && toolstack.live !== undefined },
    assessor: await diskAssessor(toolstack, domain),
  };
}

/** The reason against a backend for this very disk; undefined if there is none. */
async function whyNot(
  backend: DiskBackend,
  { disk, form, wish, assessor }: Question,
): Promise<string | undefined> {
  const whole = askedOf(backend, { ...wish, ...form });
  const verdict = assessor(disk, whole) ?? (await backend.assess(disk, whole));
  if (!verdict.possible) return verdict.reason;
  return backend.offer(disk, form) ? undefined : `it does not do ${formText(form)} of such a disk`;
}

/** Who can, in this form; else in which other forms the chosen one can. */
async function remedyFor(
  { backends }: ServiceContext,
  chosen: DiskBackend,
  question: Question,
): Promise<string> {
  const able: string[] = [];
  for (const { backend, reason } of backends.capable(question.disk, question.form))
    if (backend !== chosen && (await whyNot(backend, question)) === undefined)
      able.push(`'${backend.id}' (${reason})`);
  if (able.length > 0) return `Choose one that can keep it: ${able.join(", ")}.`;
  for (const form of chosen.forms(question.disk))
    if ((await whyNot(chosen, { ...question, form })) === undefined)
      able.push(
        `${formText(form)}${form.format === undefined ? "" : ` (driver type '${form.format}')`}`,
      );
  return able.length > 0
    ? `Ask '${chosen.id}' for ${able.join(", or ")}: no backend can keep it so.`
    : "Run 'domsnap capabilities DOMAIN' to see what each disk can do: no backend can keep it so.";
}

function formText({ mode }: SnapshotForm): string {
  return mode === "internal" ? "an internal snapshot" : "an external snapshot";
}
