import { DomsnapError } from "../../errors/index.js";
import { isActive, topologicalOrder, type Domain } from "../../model/index.js";
import type { Plan } from "../../model/operation.js";
import type { DomainRegistry } from "../../ports/index.js";
import { changeDomain, runUnlessDry, type ServiceContext } from "../shared/context.js";
import { readHeads } from "../shared/records.js";
import type { ChangeResult, UndefineOptions } from "../shared/results.js";

/** See `SnapshotService.undefine`. */
export function undefineDomain(
  context: ServiceContext,
  reference: string,
  options: UndefineOptions = {},
): Promise<ChangeResult> {
  return changeDomain(context, reference, options, async (domain) => {
    const registry = requireRegistry(context);
    const { tree } = await readHeads(context, domain.uuid);
    // An active domain becomes transient; what it has is lost when it stops, not before.
    const names = isActive(domain) ? [] : topologicalOrder(tree).map(({ name }) => name);
    if (names.length > 0 && !options.snapshotsMetadata)
      throw new DomsnapError(
        "operation-invalid",
        `cannot delete inactive domain with ${String(names.length)} snapshots`,
        { hint: "Repeat with --snapshots-metadata to remove their records; images stay." },
      );
    const plan = planForget(domain, names.reverse());
    await runUnlessDry(context, plan, options);
    if (!options.dryRun) await registry.undefine(domain.uuid);
    return { domain, plans: [plan], executed: !options.dryRun, warnings: [] };
  });
}

function requireRegistry({ connection }: ServiceContext): DomainRegistry {
  const { registry } = connection.toolstack;
  if (registry) return registry;
  throw new DomsnapError("no-support", "virDomainUndefine");
}

/** Removes records, leaves first, so that a crash leaves a smaller tree and no orphan. */
function planForget({ name, uuid }: Domain, snapshots: readonly string[]): Plan {
  return {
    verb: "undefine",
    domain: { name, uuid },
    snapshot: "*",
    before: [],
    after: [
      ...(snapshots.length > 0 ? [{ kind: "record.current" } as const] : []),
      ...snapshots.map((snapshot) => ({ kind: "record.remove", name: snapshot }) as const),
    ],
    warnings: [],
  };
}
