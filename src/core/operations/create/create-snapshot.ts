import { DomsnapError } from "../../errors/index.js";
import {
  isActive,
  type Consistency,
  type CreateFlags,
  type Domain,
  type DomainDefinition,
  type DomainSnapshot,
  type SnapshotHead,
} from "../../model/index.js";
import { fileOfDiskSnapshot, imageOf, imageOfDisk } from "../../plan/disk-images.js";
import type { FileBefore } from "../../model/index.js";
import { planCreate, type AssignedStep } from "../../plan/plan-create.js";
import type { DiskRelocation, ParsedSnapshot } from "../../ports/index.js";
import { assertCreateCall, parseOptionsOf, prepareCreate } from "../../rules/index.js";
import type { AssignedDisk } from "../shared/choose-backend.js";
import {
  changeDomain,
  collectWarnings,
  runUnlessDry,
  type ServiceContext,
} from "../shared/context.js";
import { assertChoosable, chooseKeepers, withChoices } from "./choose-keepers.js";
import { frozenNames, withFrozenNames, type FrozenNames } from "./frozen-names.js";
import { mixingWarnings } from "./mixing-warnings.js";
import {
  assignDisks,
  copyWarnings,
  liveFacts,
  pauseWarnings,
  stillWarnings,
} from "./live-create.js";
import { assertNoDamagedRecord, readHeads, readCurrent } from "../shared/records.js";
import { redefineSnapshot } from "./redefine-snapshot.js";
import { quiesceAsPossible } from "./quiesce.js";
import type { ChangeOptions, CreateOptions, CreateResult } from "../shared/results.js";

/** Creates or redefines, as the flags say; see `SnapshotService.create`. */
export function createSnapshot(
  context: ServiceContext,
  reference: string,
  document: string,
  callerFlags: CreateFlags,
  options: CreateOptions = {},
): Promise<CreateResult> {
  const required = options.quiesce === "require";
  const flags = required ? { ...callerFlags, quiesce: true } : callerFlags;
  return changeDomain(context, reference, options, (domain) => {
    const call = { flags, domain, rules: context.connection.toolstack.rules };
    assertCreateCall(call);
    const parsed = context.documents.parseSnapshot(document, parseOptionsOf(call));
    assertChoosable(context, flags, options);
    if (flags.redefine) return redefineSnapshot(context, domain, parsed, flags, options);
    const request = withChoices(parsed, options.backends);
    const take = (quiesce: boolean | undefined) =>
      takeSnapshot(context, domain, request, quiesce ? { ...flags, quiesce } : flags, options);
    return options.quiesce === "try" && flags.quiesce !== true
      ? quiesceAsPossible(domain, flags, take)
      : take(undefined);
  });
}

/** Takes a snapshot of a domain that the caller holds, as a document that is parsed tells. */
export async function takeSnapshot(
  context: ServiceContext,
  domain: Domain,
  parsed: ParsedSnapshot,
  flags: CreateFlags,
  callerOptions: ChangeOptions,
): Promise<CreateResult> {
  const { toolstack, store } = context.connection;
  const { options, warnings, measures } = collectWarnings(callerOptions);
  const heads = await readHeads(context, domain.uuid);
  const prepared = prepareCreate({
    parsed,
    flags,
    domain,
    rules: toolstack.rules,
    existingNames: heads.tree.byName,
    currentParent: heads.current?.name,
    nowSeconds: context.nowSeconds(),
    probe: toolstack.touchesImages ? context.probe : undefined,
  });
  if (!flags.noMetadata) {
    store.assertName(prepared.name);
    assertNoDamagedRecord(heads, prepared.name);
  }
  const completed = toolstack.touchesImages
    ? { ...prepared, disks: await chooseKeepers(context, domain, prepared.disks) }
    : prepared;
  const assigned = toolstack.touchesImages ? await assignDisks(context, domain, completed) : [];
  const frozen = frozenNames(assigned, parsed, flags);
  const settled = withFrozenNames(context.documents, completed, frozen);
  const consistency = consistencyOf(context, domain, settled, flags);
  const snapshot = {
    ...(flags.noMetadata ? withoutParent(settled) : settled),
    ...(consistency ? { consistency } : {}),
  };
  const previousCurrent = flags.noMetadata ? undefined : await readCurrent(context, domain, heads);
  const steps = assigned.map((disk) => toStep(context, disk, flags, frozen));
  const live = toolstack.touchesImages
    ? liveFacts(context, domain, snapshot, assigned, flags)
    : undefined;
  const definition = definitionAfter(context, domain, assigned, steps);
  const plan = planCreate({
    domain,
    snapshot,
    disks: steps,
    record: !flags.noMetadata,
    halt: flags.halt === true,
    warnings: [
      ...createWarnings(context, snapshot, assigned, [...heads.tree.byName.values()]),
      ...(live
        ? [
            ...stillWarnings(context, live),
            ...pauseWarnings(domain, live),
            ...copyWarnings(steps, live),
          ]
        : []),
    ],
    ...(live ? { live } : {}),
    ...(definition ? { definition } : {}),
    ...(previousCurrent ? { previousCurrent } : {}),
  });
  await runUnlessDry(context, plan, options);
  return {
    domain,
    snapshot,
    plans: [plan],
    executed: !options.dryRun,
    warnings: [...plan.warnings, ...warnings],
    ...measures(consistency),
  };
}

/** What the state of a running guest is worth; of one that is off its own shutdown decides. */
function consistencyOf(
  { connection }: ServiceContext,
  domain: Domain,
  { memory }: DomainSnapshot,
  flags: CreateFlags,
): Consistency | undefined {
  if (!isActive(domain) || !connection.toolstack.touchesImages) return undefined;
  if (memory !== undefined && memory.mode !== "no") return "memory";
  return flags.quiesce === true ? "filesystem" : "crash-consistent";
}

function withoutParent({ parent: _parent, ...snapshot }: DomainSnapshot): DomainSnapshot {
  return snapshot;
}

function toStep(
  context: ServiceContext,
  { disk, domainDisk, backend }: AssignedDisk,
  flags: CreateFlags,
  frozen: FrozenNames,
): AssignedStep {
  const image = imageOfDisk(domainDisk);
  if (!image)
    throw new DomsnapError("disk-unsupported", `disk '${disk.name}' is not a local file or device`);
  const step = { backend: backend.id, target: disk.name, image };
  const file = fileOfDiskSnapshot(disk);
  if (!file) return { ...step, keeps: "inside" };
  const renamed = frozen.get(disk.name);
  if (renamed)
    return {
      ...step,
      keeps: "renamed",
      frozen: renamed,
      overlay: { ...image, format: file.format },
      before: standsAt(context, renamed.path, flags),
    };
  const before = standsAt(context, file.path, flags);
  return backend.externalKind === "copy"
    ? { ...step, keeps: "copy", copy: file, before }
    : { ...step, keeps: "overlay", overlay: file, before };
}

function standsAt({ probe }: ServiceContext, path: string, flags: CreateFlags): FileBefore {
  if (flags.reuseExternal) return "reused";
  return probe(path).kind === "absent" ? "absent" : "empty";
}

/** Where disks go on in an overlay, the definition follows in the same plan. */
function definitionAfter(
  { documents }: ServiceContext,
  domain: Domain,
  assigned: readonly AssignedDisk[],
  steps: readonly AssignedStep[],
): DomainDefinition | undefined {
  const definition = domain.inactiveDefinition ?? domain.definition;
  const relocations = assigned.flatMap(({ disk }, index): DiskRelocation[] => {
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
  return relocations.length > 0 ? documents.relocateDisks(definition, relocations) : undefined;
}

function createWarnings(
  { backends }: ServiceContext,
  snapshot: DomainSnapshot,
  assigned: readonly AssignedDisk[],
  earlier: readonly SnapshotHead[],
): string[] {
  const modes = new Set(assigned.map(({ disk }) => disk.mode));
  const mixed =
    `snapshot '${snapshot.name}' keeps some disks inside their images and some in files of their own; ` +
    "libvirt's QEMU driver would refuse to take or import it";
  return [...(modes.size > 1 ? [mixed] : []), ...mixingWarnings(backends, assigned, earlier)];
}
