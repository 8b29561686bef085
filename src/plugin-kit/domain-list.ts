import { DomsnapError } from "../core/errors/index.js";
import type { Domain, DomainDefinition } from "../core/model/index.js";

type Identity = Pick<Domain, "name" | "uuid" | "id">;

/** The error for a domain that is not known, with libvirt's text. */
export function noSuchDomain(reference: string): DomsnapError {
  return new DomsnapError("no-domain", `no domain with matching name '${reference}'`);
}

/**
 * Checks that a definition replaces the one with its name and uuid, or is new. Throws
 * `operation-failed` with libvirt's texts (virDomainObjListAdd) when it is half of each.
 */
export function assertDefinable(
  definition: Pick<DomainDefinition, "name" | "uuid">,
  domains: readonly Identity[],
): void {
  const { name, uuid } = definition;
  const namesake = domains.find((domain) => domain.name === name);
  const twin = domains.find((domain) => domain.uuid === uuid);
  if (twin && twin.name !== name)
    throw new DomsnapError(
      "operation-failed",
      `domain '${twin.name}' is already defined with uuid ${uuid}`,
    );
  if (namesake && namesake.uuid !== uuid)
    throw new DomsnapError(
      "operation-failed",
      `domain '${name}' already exists with uuid ${namesake.uuid}`,
    );
}
