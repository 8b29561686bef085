import { tagOf, type DeleteFlags, type Domain, type Plan } from "../../model/index.js";
import { decideRemoval, type ImageRemoval } from "../../plan/decide-removal.js";
import type { RecordEdit } from "../../plan/document-edits.js";
import { followingRecords } from "../../plan/following-records.js";
import { planDelete, planSweep } from "../../plan/plan-delete.js";
import { deleteEffect } from "../../rules/index.js";
import {
  changeDomain,
  collectWarnings,
  runUnlessDry,
  type ServiceContext,
} from "../shared/context.js";
import { assertNoDamagedRecord, readHeads, type Heads } from "../shared/records.js";
import type { ChangeOptions, ChangeResult } from "../shared/results.js";
import { writeDefinition, writeRecord } from "../shared/write-documents.js";
import { gatherRemoval } from "./removal-facts.js";

/**
 * See `SnapshotService.delete`. Descendants go one by one, leaves first, each by a plan of its
 * own, so that every state between is whole.
 */
export function deleteSnapshot(
  context: ServiceContext,
  reference: string,
  name: string,
  flags: DeleteFlags,
  callerOptions: ChangeOptions = {},
): Promise<ChangeResult> {
  const { options, warnings, measures } = collectWarnings(callerOptions);
  return changeDomain(context, reference, options, async (domain) => {
    const { rules } = context.connection.toolstack;
    const heads = await readHeads(context, domain.uuid);
    assertNoDamagedRecord(heads, name);
    const whole = deleteEffect({ name, flags, rules, ...treeOf(heads) });
    const plans: Plan[] = [];
    for (const victim of whole.removed) {
      const present = options.dryRun ? domain : await refetch(context, domain);
      for (const plan of await planOne(context, present, victim, flags, options)) {
        await runUnlessDry(context, plan, options, { follows: plans.length > 0 });
        plans.push(plan);
      }
    }
    return {
      domain,
      plans,
      executed: !options.dryRun,
      warnings: [...plans.flatMap((plan) => plan.warnings), ...warnings],
      ...measures(),
    };
  });
}

function refetch({ connection }: ServiceContext, { uuid }: Domain): Promise<Domain> {
  return connection.toolstack.findDomain(uuid);
}

function treeOf({ tree, current }: Heads) {
  return { tree, current: current?.name };
}

async function planOne(
  context: ServiceContext,
  domain: Domain,
  name: string,
  flags: DeleteFlags,
  options: ChangeOptions,
): Promise<Plan[]> {
  const { toolstack, store } = context.connection;
  const heads = await readHeads(context, domain.uuid);
  const effect = deleteEffect({
    name,
    flags: { metadataOnly: flags.metadataOnly === true },
    rules: toolstack.rules,
    ...treeOf(heads),
  });
  const current = heads.current?.name === name ? { name: effect.current } : "keep";
  const written = (records: readonly RecordEdit[]) =>
    records.map((record) => writeRecord(context.documents, record));
  if (!toolstack.touchesImages || flags.metadataOnly === true) {
    const children = await Promise.all(
      effect.reparented.map((child) => store.read(domain.uuid, child.name)),
    );
    const records = followingRecords(children, { effect, merges: [], needs: NO_IMAGE_MOVES });
    return [
      planDelete({
        domain,
        snapshot: name,
        ...NO_IMAGES,
        updatedRecords: written(records),
        current,
      }),
    ];
  }
  const facts = await gatherRemoval(context, domain, heads, name, effect, options);
  const { records, definition, warnings, garbage, swept, ...removal } = decideRemoval(facts);
  const sweep = planSweep({ domain, snapshot: name, garbage, swept });
  const { openImages } = facts;
  const plan = planDelete({
    domain,
    snapshot: name,
    tag: tagOf(facts.snapshot),
    ...removal,
    updatedRecords: written(records),
    current,
    ...(definition ? { definition: writeDefinition(context.documents, definition) } : {}),
    ...(openImages ? { openImages } : {}),
    warnings,
  });
  return [...(sweep ? [sweep] : []), plan];
}

const NO_IMAGES: Omit<ImageRemoval, "garbage"> = {
  removals: [],
  merges: [],
  staying: [],
  discards: [],
  warnings: [],
};
const NO_IMAGE_MOVES = { isSame: () => false, namesOf: () => [] };
