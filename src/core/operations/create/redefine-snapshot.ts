import type { CreateFlags, Domain } from "../../model/index.js";
import { planRedefine } from "../../plan/plan-create.js";
import type { ParsedSnapshot } from "../../ports/index.js";
import { prepareRedefine } from "../../rules/index.js";
import { runUnlessDry, type ServiceContext } from "../shared/context.js";
import { assertNoDamagedRecord, readCurrent, readHeads } from "../shared/records.js";
import type { CreateOptions, CreateResult } from "../shared/results.js";

/** Records a snapshot that exists already; the caller holds the domain. No image is touched. */
export async function redefineSnapshot(
  context: ServiceContext,
  domain: Domain,
  parsed: ParsedSnapshot,
  flags: CreateFlags,
  options: CreateOptions,
): Promise<CreateResult> {
  const { toolstack, store } = context.connection;
  const heads = await readHeads(context, domain.uuid);
  const exists = parsed.name !== undefined && heads.tree.byName.has(parsed.name);
  const existing = exists ? await store.read(domain.uuid, parsed.name) : undefined;
  const { original } = options;
  const source =
    existing ??
    (original !== undefined && heads.tree.byName.has(original)
      ? await store.read(domain.uuid, original)
      : undefined);
  const snapshot = prepareRedefine({
    parsed,
    flags,
    domain,
    rules: toolstack.rules,
    heads: heads.tree.byName,
    existing,
    source,
    probe: context.probe,
  });
  store.assertName(snapshot.name);
  assertNoDamagedRecord(heads, snapshot.name);
  const previousCurrent = await readCurrent(context, domain, heads);
  const plan = planRedefine({
    domain,
    snapshot,
    makeCurrent: flags.current === true,
    ...(previousCurrent ? { previousCurrent } : {}),
  });
  await runUnlessDry(context, plan, options);
  return { domain, snapshot, plans: [plan], executed: !options.dryRun, warnings: [] };
}
