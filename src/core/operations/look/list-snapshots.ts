import { DomsnapError } from "../../errors/index.js";
import {
  childrenOf,
  descendantsOf,
  isExternalSnapshot,
  type DomainName,
} from "../../model/index.js";
import type { RecordProblem } from "../../ports/index.js";
import { assertListFlags, filterSnapshots } from "../../rules/index.js";
import { readDomain, type ServiceContext } from "../shared/context.js";
import { findHead, readHeads } from "../shared/records.js";
import type { ListQuery, SnapshotInfo, SnapshotListing } from "../shared/results.js";

/** See `SnapshotService.list`. Linear in the number of snapshots; no domain definition is parsed. */
export async function listSnapshots(
  context: ServiceContext,
  reference: string,
  query: ListQuery = {},
): Promise<SnapshotListing> {
  const { domain, unsettled } = await readDomain(context, reference);
  if (query.flags) assertListFlags(query.flags, context.connection.toolstack.rules);
  const { tree, current, problems } = await readHeads(context, domain.uuid);
  const heads = filterSnapshots(tree, query);
  return {
    domain,
    heads,
    orphans: tree.orphans,
    problems: unsettled ? [...problems, interruption(domain, unsettled)] : problems,
    ...(current ? { current: current.name } : {}),
  };
}

function interruption({ name }: DomainName, { message }: DomsnapError): RecordProblem {
  return { record: `journal of domain '${name}'`, reason: message };
}

/** See `SnapshotService.info`. */
export async function snapshotInfo(
  context: ServiceContext,
  reference: string,
  name: string,
): Promise<SnapshotInfo> {
  const { domain } = await readDomain(context, reference);
  const heads = await readHeads(context, domain.uuid);
  const { tree, current } = heads;
  const head = findHead(heads, name);
  return {
    domain,
    head,
    current: current?.name === name,
    external: isExternalSnapshot(head),
    children: childrenOf(tree, name).length,
    descendants: descendantsOf(tree, name).length,
  };
}

/** See `SnapshotService.current`. */
export async function currentSnapshot(context: ServiceContext, reference: string): Promise<string> {
  const { domain } = await readDomain(context, reference);
  const { current } = await readHeads(context, domain.uuid);
  if (current) return current.name;
  throw new DomsnapError("no-domain-snapshot", "the domain does not have a current snapshot");
}

/** See `SnapshotService.parent`. */
export async function parentOfSnapshot(
  context: ServiceContext,
  reference: string,
  name: string,
): Promise<string> {
  const { domain } = await readDomain(context, reference);
  const { parent } = findHead(await readHeads(context, domain.uuid), name);
  if (parent !== undefined) return parent;
  throw new DomsnapError("no-domain-snapshot", `snapshot '${name}' does not have a parent`);
}
