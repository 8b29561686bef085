import { isActive, isEmptyDrive, type DomainDisk, type ImageFormat } from "../../model/index.js";
import { imageOfDisk } from "../../plan/disk-images.js";
import type { DiskWish } from "../../ports/index.js";
import { diskAssessor, type DiskAssessor } from "../shared/choose-backend.js";
import { readDomain, type ServiceContext } from "../shared/context.js";
import type { DiskCapabilities } from "../shared/results.js";

type Form = DiskCapabilities["forms"][number];

/** The forms that are shown, in their order; VHD only where a backend has it. */
const FORMS: readonly { readonly mode: Form["mode"]; readonly format?: ImageFormat }[] = [
  { mode: "internal" },
  { mode: "external", format: "qcow2" },
  { mode: "external", format: "raw" },
  { mode: "external", format: "vhd" },
];

/** See `SnapshotService.diskCapabilities`: which disks are snapshotable, and why not. */
export async function diskCapabilities(
  context: ServiceContext,
  reference: string,
): Promise<DiskCapabilities[]> {
  const { domain } = await readDomain(context, reference);
  const assessor = await diskAssessor(context.connection.toolstack, domain);
  const capabilities: DiskCapabilities[] = [];
  for (const disk of domain.definition.disks)
    capabilities.push(await capabilitiesOf(context, disk, isActive(domain), assessor));
  return capabilities;
}

async function capabilitiesOf(
  context: ServiceContext,
  disk: DomainDisk,
  live: boolean,
  assessor: DiskAssessor,
): Promise<DiskCapabilities> {
  const image = imageOfDisk(disk);
  const forms: Form[] = [];
  const tried = FORMS.filter((form) => form.format !== "vhd" || context.backends.best(disk, form));
  if (image)
    for (const form of tried) forms.push(await tryForm(context, disk, form, { live, assessor }));
  return {
    target: disk.target,
    ...(image ? { image: image.path, format: image.format } : {}),
    selectedByDefault: disk.snapshot !== "no" && !isEmptyDrive(disk),
    forms,
  };
}

async function tryForm(
  context: ServiceContext,
  disk: DomainDisk,
  form: (typeof FORMS)[number],
  { live, assessor }: { readonly live: boolean; readonly assessor: DiskAssessor },
): Promise<Form> {
  const backend = context.backends.best(disk, form);
  if (!backend)
    return {
      ...form,
      verdict: {
        possible: false,
        reason: `no disk backend takes this form of a ${disk.format ?? "raw"} disk`,
        remedy: "use one of the other forms",
      },
    };
  const captured = live && context.connection.toolstack.live !== undefined;
  const wish: DiskWish = { verb: "create", live, captured, ...form };
  const verdict = assessor(disk, wish) ?? (await backend.assess(disk, wish));
  return { ...form, backend: backend.id, verdict };
}
