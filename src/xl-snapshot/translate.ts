import {
  isActive,
  type DiskSnapshot,
  type Domain,
  type DomainSnapshot,
  type DomainState,
} from "../core/model/index.js";
import { fileOfDiskSnapshot, findDisk, imageOfDisk, isTaken } from "../core/plan/disk-images.js";
import type { Plan } from "../core/model/operation.js";
import { planCreate, type AssignedStep, type LiveFacts } from "../core/plan/plan-create.js";
import { domsnapRules } from "../core/model/driver-rules.js";
import { checkSnapshotXml, parseDomain } from "../xml/index.js";
import { claimingBackend } from "../plugin-kit/disk-claims.js";
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
  const snapshot = { ...checked, disks: checked.disks.map((disk) => withFormat(disk, definition)) };
  const toolstack = toToolstackSnapshot(snapshot);
  const { name, uuid } = definition;
  const domain: Domain = { name, uuid, state: domainState, persistent: true, definition };
  return {
    snapshot,
    plan: planFor(domain, snapshot),
    libxlJson: formatLibxlSnapshot(toolstack),
    xl: formatInformationFile(toolstack),
  };
}

type Definition = Domain["definition"];

/** An external file without a format gets that of the backend which claims it. */
function withFormat(disk: DiskSnapshot, definition: Definition): DiskSnapshot {
  const domainDisk = findDisk(definition, disk.name);
  if (disk.mode !== "external" || disk.format !== undefined || !domainDisk) return disk;
  const backend = claimingBackend(domainDisk, disk);
  const formats = { dd: "raw", blktap: "vhd", qdisk: "qcow2" } as const;
  return backend ? { ...disk, format: formats[backend] } : disk;
}

function planFor(domain: Domain, snapshot: DomainSnapshot): Plan {
  const disks = snapshot.disks.filter(isTaken).flatMap((disk): AssignedStep[] => {
    const domainDisk = findDisk(domain.definition, disk.name);
    const image = imageOfDisk(domainDisk);
    const backend = domainDisk && claimingBackend(domainDisk, disk);
    const file = fileOfDiskSnapshot(disk);
    if (!image || !backend) return [];
    const step = { target: disk.name, image, backend };
    if (!file) return [{ ...step, keeps: "inside" }];
    return backend === "dd"
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

function captureOf({ memory }: DomainSnapshot): LiveFacts["memory"] {
  if (memory?.mode === "internal") return { mode: "internal" };
  if (memory?.file === undefined) return undefined;
  return { mode: "external", file: memory.file, before: "absent" };
}
