import {
  isActive,
  type DiskSnapshot,
  type Domain,
  type DomainSnapshot,
  type DomainState,
} from "../core/model/index.js";
import { BackendRegistry } from "../core/plan/backend-registry.js";
import type { BackendProfile } from "../core/ports/index.js";
import { fileOfDiskSnapshot, findDisk, imageOfDisk, isTaken } from "../core/plan/disk-images.js";
import type { Plan } from "../core/model/operation.js";
import { planCreate, type AssignedStep, type LiveFacts } from "../core/plan/plan-create.js";
import { domsnapRules } from "../core/model/driver-rules.js";
import { checkSnapshotXml, parseDomain } from "../xml/index.js";
import { formatInformationFile } from "./information-file.js";
import { formatLibxlSnapshot } from "./libxl-json.js";
import { toToolstackSnapshot } from "./snapshot-conversion.js";

export interface TranslationInput {
  /** A `<domainsnapshot>` document, as for a create. */
  readonly document: string;
  readonly domainXml: string;
  /** Default `shutoff`. */
  readonly domainState?: DomainState;
  readonly diskOnly?: boolean;
  /** Who may keep the disks. */
  readonly backends: readonly BackendProfile[];
  /** For a document without a name. */
  readonly nowSeconds?: bigint;
}

export interface Translation {
  /** As it would be recorded. */
  readonly snapshot: DomainSnapshot;
  /** What a driver has to do, in order. */
  readonly plan: Plan;
  /** `libxl_domain_snapshot` with its disks as JSON. */
  readonly libxlJson: string;
  /** `snapshotdata-NAME.xl`. */
  readonly xl: string;
}

/**
 * What a Xen toolstack needs to take a snapshot that a libvirt document asks for: its disks
 * aligned with the domain, the operations, and the toolstack's own descriptions. Pure: looks at no
 * file and needs no hypervisor. Throws libvirt's errors for a document that does not fit.
 */
export function translateSnapshot(input: TranslationInput): Translation {
  const { document, domainXml, domainState = "shutoff", diskOnly, nowSeconds } = input;
  const { snapshot: checked } = checkSnapshotXml({
    document,
    domain: { xml: domainXml, state: domainState },
    flags: diskOnly ? { diskOnly } : {},
    rules: domsnapRules,
    ...(nowSeconds !== undefined && { nowSeconds }),
  });
  const definition = parseDomain(domainXml);
  const backends = new BackendRegistry(input.backends);
  const disks = checked.disks.map((disk) => withKeeper(disk, definition, backends));
  const snapshot = { ...checked, disks };
  const toolstack = toToolstackSnapshot(snapshot);
  const { name, uuid } = definition;
  const domain: Domain = { name, uuid, state: domainState, persistent: true, definition };
  return {
    snapshot,
    plan: planFor(domain, snapshot, backends),
    libxlJson: formatLibxlSnapshot(toolstack),
    xl: formatInformationFile(toolstack),
  };
}

type Definition = Domain["definition"];

type Backends = BackendRegistry<BackendProfile>;

/** Each disk is kept by the best backend; an external file without a format gets that of it. */
function withKeeper(disk: DiskSnapshot, definition: Definition, backends: Backends): DiskSnapshot {
  const domainDisk = findDisk(definition, disk.name);
  const backend = domainDisk && backends.choose(domainDisk, disk);
  if (!backend) return disk;
  const format = disk.mode === "external" ? (disk.format ?? backend.defaultFormat) : disk.format;
  return { ...disk, backend: backend.id, ...(format && { format }) };
}

function planFor(domain: Domain, snapshot: DomainSnapshot, backends: Backends): Plan {
  const disks = snapshot.disks.filter(isTaken).flatMap((disk): AssignedStep[] => {
    const image = imageOfDisk(findDisk(domain.definition, disk.name));
    const { backend } = disk;
    const file = fileOfDiskSnapshot(disk);
    if (!image || backend === undefined) return [];
    const step = { target: disk.name, image, backend };
    if (!file) return [{ ...step, keeps: "inside" }];
    return isCopy(backends, backend)
      ? [{ ...step, keeps: "copy", copy: file, before: "absent" }]
      : [{ ...step, keeps: "overlay", overlay: file, before: "absent" }];
  });
  const memory = captureOf(snapshot);
  const live = { live: false, ...(memory && { memory }) };
  return planCreate({
    domain,
    snapshot,
    disks,
    record: true,
    halt: false,
    warnings: [],
    ...(isActive(domain) && { live }),
  });
}

function isCopy(backends: Backends, id: string): boolean {
  return backends.byId(id).externalKind === "copy";
}

function captureOf({ memory }: DomainSnapshot): LiveFacts["memory"] {
  if (memory?.mode === "internal") return { mode: "internal" };
  if (memory?.file === undefined) return undefined;
  return { mode: "external", file: memory.file, before: "absent" };
}
