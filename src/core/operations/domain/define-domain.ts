import type { Domain } from "../../model/index.js";
import type { DomainRegistry } from "../../ports/index.js";
import { changeDomain, type ServiceContext } from "../shared/context.js";

/**
 * As `DomainRegistry.define`. A definition that is there is replaced under the lock of its domain,
 * when what was interrupted there is settled: plans change definitions, too, and put them back.
 */
export async function defineDomain(
  context: ServiceContext,
  registry: DomainRegistry,
  xml: string,
): Promise<Domain> {
  const known = await findKnown(context, xml);
  if (!known) return registry.define(xml);
  return changeDomain(context, known.uuid, {}, () => registry.define(xml));
}

async function findKnown(
  { documents, connection }: ServiceContext,
  xml: string,
): Promise<Domain | undefined> {
  try {
    return await connection.toolstack.findDomain(documents.parseDomain(xml).uuid);
  } catch {
    // New, without a uuid, or wrong in a way that the registry tells.
    return undefined;
  }
}
