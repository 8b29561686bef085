import { DomsnapError } from "../errors/index.js";
import {
  imageOfDisk,
  type Capture,
  type Consistency,
  type CreateFlags,
  type Domain,
  type DomainSnapshot,
  type FileBefore,
} from "../model/index.js";
import type { DiskRelocation, LiveGuests, ParsedSnapshot } from "../ports/index.js";
import { fileOfDiskSnapshot, imageOf } from "./disk-images.js";
import type { DefinitionEdit, RecordEdit } from "./document-edits.js";
import { frozenNames, withFrozenNames, type FrozenNames } from "./frozen-names.js";
import type { Locator } from "./answer.js";
import { standsAt, type ImageFacts, type Places } from "./image-facts.js";
import { assertMayTake } from "./taken-images.js";
import type { KeptDisk } from "./kept-disk.js";
import type { AssignedStep, LiveFacts } from "./plan-live-create.js";

/** What is known of the way into an active guest. */
export interface GuestFacts extends Partial<Pick<LiveGuests, "pausesToSave">> {
  readonly uri: string;
  readonly hasGuestAgent: boolean;
}

export interface CreateDecisionFacts {
  readonly domain: Domain;
  /** Complete and aligned, with who keeps each disk. */
  readonly snapshot: DomainSnapshot;
  /** As the caller has asked for it. */
  readonly parsed: Pick<ParsedSnapshot, "disks">;
  readonly flags: CreateFlags;
  /** The disks that take part; none where the toolstack touches no image. */
  readonly disks: readonly KeptDisk[];
  /** Where the domain is active and images are touched. */
  readonly guest?: GuestFacts;
  /** What stands at the names of all files that are to be made. */
  readonly places: Places;
  /** Who needs the images that freeze, and the files that are reused. */
  readonly images: Omit<ImageFacts, "trust">;
}

/** What a create does. */
export interface CreateDecision {
  readonly disks: readonly AssignedStep[];
  /** The record, as it is true when all is done. */
  readonly record: RecordEdit;
  /** The stored definition, where a disk goes on in an overlay. */
  readonly definition?: DefinitionEdit;
  /** How an active guest is taken. */
  readonly live?: LiveFacts;
}

/** The files that a snapshot is going to make: what stands there has to be known first. */
export function placesToMake({ disks, memory }: DomainSnapshot): Locator[] {
  const files = disks.flatMap((disk) => fileOfDiskSnapshot(disk)?.path ?? []);
  return memory?.file === undefined ? files : [...files, memory.file];
}

/**
 * Decides how each disk of a snapshot is kept, and how an active guest is taken. Throws
 * `image-in-use` where somebody else needs an image that would freeze, or a file that is to be
 * reused, `image-conflict` for a file that cannot be reused,
 * `argument-unsupported` for what needs a guest agent that is not there, `operation-invalid` for
 * a guest that is paused, `image-conflict` where the memory's file has no place, and
 * `disk-unsupported` for disks that keep their path, which the hypervisor would not notice.
 */
export function decideCreate(facts: CreateDecisionFacts): CreateDecision {
  for (const disk of facts.disks) assertMayTake(disk, facts);
  const frozen = frozenNames(facts.disks, facts.parsed, facts.flags);
  const record = withFrozenNames(facts.snapshot, frozen);
  const disks = facts.disks.map((disk) => toStep(disk, frozen, facts));
  const live = facts.guest && takeLive(facts, facts.guest);
  const definition = definitionAfter(disks, facts);
  return {
    disks,
    record: { ...record, snapshot: asRecorded(record.snapshot, facts) },
    ...(definition.relocations.length > 0 ? { definition } : {}),
    ...(live ? { live } : {}),
  };
}

function asRecorded(
  snapshot: DomainSnapshot,
  { flags, guest }: CreateDecisionFacts,
): DomainSnapshot {
  const { parent: _parent, ...rootless } = snapshot;
  const recorded = flags.noMetadata
    ? rootless
    : { ...snapshot, ...reusedDisks(snapshot, flags), taken: true };
  return guest ? { ...recorded, consistency: consistencyOf(snapshot, flags) } : recorded;
}

/** Files that were there before stay the user's. */
function reusedDisks(
  { disks }: DomainSnapshot,
  { reuseExternal }: CreateFlags,
): Pick<DomainSnapshot, "disks"> {
  if (reuseExternal !== true) return { disks };
  return {
    disks: disks.map((disk) => (fileOfDiskSnapshot(disk) ? { ...disk, reused: true } : disk)),
  };
}

/** What the state of a running guest is worth; of one that is off its own shutdown decides. */
function consistencyOf({ memory }: DomainSnapshot, flags: CreateFlags): Consistency {
  if (memory !== undefined && memory.mode !== "no") return "memory";
  return flags.quiesce === true ? "filesystem" : "crash-consistent";
}

function toStep(
  { disk, domainDisk, backend }: KeptDisk,
  frozen: FrozenNames,
  facts: CreateDecisionFacts,
): AssignedStep {
  const image = imageOfDisk(domainDisk);
  if (!image)
    throw new DomsnapError("disk-unsupported", `disk '${disk.name}' is not a local file or device`);
  const step = { backend: backend.id, target: disk.name, image };
  const file = fileOfDiskSnapshot(disk);
  if (!file) return { ...step, keeps: "inside" };
  const renamed = frozen.get(disk.name);
  const before = fileBefore(file.path, facts);
  if (renamed) {
    const overlay = { ...image, format: file.format };
    return { ...step, keeps: "renamed", frozen: renamed, overlay, before };
  }
  return backend.externalKind === "copy"
    ? { ...step, keeps: "copy", copy: file, before }
    : { ...step, keeps: "overlay", overlay: file, before };
}

function fileBefore(place: Locator, { flags, places }: CreateDecisionFacts): FileBefore {
  const fact = standsAt(places, place);
  if (fact.kind === "absent") return "absent";
  const isEmpty = fact.kind === "regular" && fact.sizeBytes === 0;
  return flags.reuseExternal === true && !isEmpty ? "reused" : "empty";
}

function takeLive(facts: CreateDecisionFacts, guest: GuestFacts): LiveFacts {
  const { flags, disks } = facts;
  if (flags.quiesce === true) assertQuiescible(facts.domain, guest);
  const foreign = disks.find(({ backend }) => backend.keepsPaths === true);
  if (foreign)
    throw new DomsnapError(
      "disk-unsupported",
      `disk '${foreign.disk.name}' of an active domain cannot be frozen by '${guest.uri}'`,
      { hint: "Shut the domain down first." },
    );
  const memory = memoryOf(facts);
  return {
    ...(memory ? { memory } : {}),
    live: flags.live === true,
    pausesToSave: guest.pausesToSave === true,
    quiesce: flags.quiesce === true,
  };
}

/** Whether anybody answers is found out when it is done. */
function assertQuiescible(domain: Domain, { hasGuestAgent }: GuestFacts): void {
  if (domain.state !== "running")
    throw new DomsnapError("operation-invalid", "domain is not running", {
      hint: "Let the guest run: the agent that --quiesce needs answers only then.",
    });
  if (hasGuestAgent) return;
  throw new DomsnapError("argument-unsupported", "QEMU guest agent is not configured", {
    hint:
      "Add a <channel> with target name 'org.qemu.guest_agent.0' to the definition, or leave " +
      "--quiesce out: what the guest has not written yet is then not in the snapshot.",
  });
}

function memoryOf({
  domain: { definition },
  snapshot: { memory },
  places,
}: CreateDecisionFacts): Capture["memory"] {
  const bytes = Number(definition.memoryKib) * 1024;
  if (memory?.mode === "internal") return { mode: "internal", bytes };
  if (memory?.mode !== "external" || memory.file === undefined) return undefined;
  const fact = standsAt(places, memory.file);
  const empty = fact.kind === "regular" && fact.sizeBytes === 0;
  if (fact.kind !== "absent" && !empty)
    throw new DomsnapError("image-conflict", `file '${memory.file}' already exists`, {
      hint: "Remove it, or name another file for the memory.",
    });
  return { mode: "external", file: memory.file, before: empty ? "empty" : "absent", bytes };
}

/** Where disks go on in an overlay, the definition follows in the same plan. */
function definitionAfter(
  steps: readonly AssignedStep[],
  { domain, disks }: CreateDecisionFacts,
): DefinitionEdit {
  const definition = domain.inactiveDefinition ?? domain.definition;
  const relocations = disks.flatMap(({ disk }, index): DiskRelocation[] => {
    const step = steps[index];
    if (step?.keeps !== "overlay" && step?.keeps !== "renamed") return [];
    // The next start may be meant to use another image: that one is left alone.
    if (imageOf(definition, disk.name)?.path !== step.image.path) return [];
    const { path, type, format } = step.overlay;
    if (step.keeps === "renamed") {
      const isSame = step.image.format === format;
      return isSame ? [] : [{ target: disk.name, type, source: { path }, format }];
    }
    if (!disk.source) return [];
    const { metadataCacheMaxBytes } = disk;
    const cache = metadataCacheMaxBytes === undefined ? {} : { metadataCacheMaxBytes };
    return [{ target: disk.name, type, source: disk.source, format, ...cache }];
  });
  return { definition, relocations };
}
