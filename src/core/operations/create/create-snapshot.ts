import type { CreateFlags, Domain, DomainSnapshot, SnapshotHead } from "../../model/index.js";
import { decideCreate, placesToMake } from "../../plan/decide-create.js";
import { planCreate } from "../../plan/plan-create.js";
import type { ParsedSnapshot } from "../../ports/index.js";
import {
  assertCreateCall,
  defaultSnapshotName,
  parseOptionsOf,
  prepareCreate,
} from "../../rules/index.js";
import type { AssignedDisk } from "../shared/choose-backend.js";
import {
  changeDomain,
  collectWarnings,
  runUnlessDry,
  type ServiceContext,
} from "../shared/context.js";
import { lookAtPlaces } from "../shared/image-facts.js";
import { writeDefinition, writeRecord } from "../shared/write-documents.js";
import { assertChoosable, chooseKeepers, withChoices } from "./choose-keepers.js";
import { gatherNaming } from "./stored-states.js";
import { gatherTaken } from "./taken-facts.js";
import { mixingWarnings } from "./mixing-warnings.js";
import {
  assignDisks,
  copyWarnings,
  guestFacts,
  pauseWarnings,
  vainLiveWarnings,
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
  const nowSeconds = context.nowSeconds();
  const { byName: existingNames } = heads.tree;
  const name = parsed.name ?? defaultSnapshotName(nowSeconds, existingNames, toolstack.rules);
  const prepared = prepareCreate({
    parsed: { ...parsed, name },
    flags,
    domain,
    rules: toolstack.rules,
    existingNames,
    currentParent: heads.current?.name,
    nowSeconds,
    ...(await gatherNaming(context, domain, parsed, name)),
  });
  if (!flags.noMetadata) {
    store.assertName(prepared.name);
    assertNoDamagedRecord(heads, prepared.name);
  }
  const completed = toolstack.touchesImages
    ? { ...prepared, disks: await chooseKeepers(context, domain, prepared.disks) }
    : prepared;
  const assigned = toolstack.touchesImages ? await assignDisks(context, domain, completed) : [];
  const previousCurrent = flags.noMetadata ? undefined : await readCurrent(context, domain, heads);
  const guest = guestFacts(context, domain);
  const decision = decideCreate({
    domain,
    snapshot: completed,
    parsed,
    flags,
    disks: assigned,
    places: await lookAtPlaces(context, placesToMake(completed)),
    images: await gatherTaken(context, domain, assigned, flags, options),
    ...(guest ? { guest } : {}),
  });
  const { disks, live, definition } = decision;
  const snapshot = writeRecord(context.documents, decision.record);
  const plan = planCreate({
    domain,
    snapshot,
    disks,
    record: !flags.noMetadata,
    halt: flags.halt === true,
    warnings: [
      ...createWarnings(context, snapshot, assigned, [...heads.tree.byName.values()]),
      ...(live
        ? [
            ...vainLiveWarnings(context, live),
            ...pauseWarnings(domain, live),
            ...copyWarnings(disks, live),
          ]
        : []),
    ],
    ...(live ? { live } : {}),
    ...(definition ? { definition: writeDefinition(context.documents, definition) } : {}),
    ...(previousCurrent ? { previousCurrent } : {}),
  });
  await runUnlessDry(context, plan, options);
  return {
    domain,
    snapshot,
    plans: [plan],
    executed: !options.dryRun,
    warnings: [...plan.warnings, ...warnings],
    ...measures(snapshot.consistency),
  };
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
