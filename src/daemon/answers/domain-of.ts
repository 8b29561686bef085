import { asDomsnapError, DomsnapError } from "../../core/errors/index.js";
import { isActive, type Domain } from "../../core/model/index.js";
import type { WireDomain } from "../../rpc/index.js";
import type { Caller } from "./answer.js";

/** As clients keep it. */
export function wireDomain({ name, uuid, id, state }: Domain): WireDomain {
  return { name, uuid, id: isActive({ state }) ? (id ?? -1) : -1 };
}

/**
 * The domain that a client means. Only the uuid counts: name and id of the client's copy may be out
 * of date. Throws `no-domain`.
 */
export async function domainOf(
  { hypervisor }: Caller,
  { uuid, name }: WireDomain,
): Promise<Domain> {
  const found = await findExactly(hypervisor.service, uuid, (domain) => domain.uuid === uuid);
  if (found) return found;
  throw new DomsnapError("no-domain", `no domain with matching uuid '${uuid}' (${name})`);
}

/** By its name, which may look like an id. Throws `no-domain`. */
export async function domainNamed({ hypervisor }: Caller, name: string): Promise<Domain> {
  const found = await findExactly(hypervisor.service, name, (domain) => domain.name === name);
  if (found) return found;
  throw new DomsnapError("no-domain", `no domain with matching name '${name}'`);
}

/** Throws `no-domain`. */
export async function domainWithId({ hypervisor }: Caller, id: number): Promise<Domain> {
  const found = await findExactly(hypervisor.service, String(id), (domain) => domain.id === id);
  if (found) return found;
  throw new DomsnapError("no-domain", `no domain with matching id ${id}`);
}

/** The service tries id, uuid and name, in this order: what it finds may be something else. */
async function findExactly(
  service: Caller["hypervisor"]["service"],
  reference: string,
  isMeant: (domain: Domain) => boolean,
): Promise<Domain | undefined> {
  try {
    const found = await service.findDomain(reference);
    if (isMeant(found)) return found;
  } catch (thrown) {
    const error = asDomsnapError(thrown);
    if (error.code !== "no-domain") throw error;
    return undefined;
  }
  return (await service.listDomains()).find(isMeant);
}
