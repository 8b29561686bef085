import {
  isActive,
  isEmptyDrive,
  type DomainDisk,
  type Offer,
  type SnapshotForm,
} from "../../model/index.js";
import type { BackendRegistry } from "../../plan/backend-registry.js";
import { imageOfDisk } from "../../plan/disk-images.js";
import type { DiskBackend, DiskWish } from "../../ports/index.js";
import { askedOf, diskAssessor, type DiskAssessor } from "../shared/choose-backend.js";
import { readDomain, type ServiceContext } from "../shared/context.js";
import type { DiskCapabilities } from "../shared/results.js";

type FormCapability = DiskCapabilities["forms"][number];

/** What every disk of a domain is looked at with. */
interface Surroundings {
  readonly backends: BackendRegistry;
  readonly wish: Pick<DiskWish, "verb" | "live" | "captured">;
  readonly assessor: DiskAssessor;
}

/** See `SnapshotService.diskCapabilities`: which disks are snapshotable, and why not. */
export async function diskCapabilities(
  context: ServiceContext,
  reference: string,
): Promise<DiskCapabilities[]> {
  const { uuid } = (await readDomain(context, reference)).domain;
  const domain = await context.connection.toolstack.findDomain(uuid);
  const { toolstack } = context.connection;
  const live = isActive(domain);
  const surroundings: Surroundings = {
    backends: context.backends,
    wish: { verb: "create", live, captured: live && toolstack.live !== undefined },
    assessor: await diskAssessor(toolstack, domain),
  };
  const capabilities: DiskCapabilities[] = [];
  for (const disk of domain.definition.disks)
    capabilities.push(await capabilitiesOf(surroundings, disk));
  return capabilities;
}

async function capabilitiesOf(
  surroundings: Surroundings,
  disk: DomainDisk,
): Promise<DiskCapabilities> {
  const image = imageOfDisk(disk);
  const forms: FormCapability[] = [];
  if (image)
    for (const form of formsOf(surroundings.backends, disk))
      forms.push(...(await waysOf(surroundings, disk, form)));
  return {
    target: disk.target,
    ...(image ? { image: image.path, format: image.format } : {}),
    selectedByDefault: disk.snapshot !== "no" && !isEmptyDrive(disk),
    forms,
  };
}

/** All forms that a backend tells of and those that are taken by default; internal ones first. */
function formsOf(backends: BackendRegistry, disk: DomainDisk): SnapshotForm[] {
  const told = backends.all.flatMap((backend) =>
    backend.forms(disk).map((form) => completed(backend, form)),
  );
  const taken = (["internal", "external"] as const).flatMap((mode) => {
    const [first] = backends.candidates(disk, { mode });
    return first ? [completed(first.backend, { mode })] : [];
  });
  const forms = new Map([...told, ...taken].map((form) => [form.format ?? "", form]));
  return [...forms].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, form]) => form);
}

/** A form as the record tells it: an external one always has a format. */
function completed({ defaultFormat }: DiskBackend, { mode, format }: SnapshotForm): SnapshotForm {
  return mode === "internal" ? { mode } : { mode, format: format ?? defaultFormat };
}

/** A form by each backend that can make it, who is taken first; if nobody can, by who knows why. */
async function waysOf(
  surroundings: Surroundings,
  disk: DomainDisk,
  form: SnapshotForm,
): Promise<FormCapability[]> {
  const { backends } = surroundings;
  const able = backends.candidates(disk, form);
  const asked = able.length > 0 ? able : backends.offers(disk, form).slice(0, 1);
  if (asked.length === 0) return [{ ...form, byDefault: false, verdict: unclaimed(disk) }];
  const [byDefault] = backends.candidates(disk, { mode: form.mode });
  const ways: FormCapability[] = [];
  for (const { backend, rank, reason } of asked) {
    const offer: Offer = { rank, reason };
    const wish = askedOf(backend, { ...surroundings.wish, ...form });
    const verdict = surroundings.assessor(disk, wish) ?? (await backend.assess(disk, wish));
    const isDefault =
      backend === byDefault?.backend &&
      completed(backend, { mode: form.mode }).format === form.format;
    ways.push({ ...form, backend: backend.id, offer, byDefault: isDefault, verdict });
  }
  return ways;
}

function unclaimed({ format = "raw" }: DomainDisk): FormCapability["verdict"] {
  return {
    possible: false,
    reason: `no disk backend takes this form of a ${format} disk`,
    remedy: "Use one of the other forms.",
  };
}
