import type { Domain } from "../../model/index.js";
import { pathsOfDefinitions } from "../../plan/image-references.js";

/** Paths that domains other than `domain` open, on the same toolstack. */
export function foreignPathsOf(domains: readonly Domain[], domain: Domain): Set<string> {
  const others = domains.filter(({ uuid }) => uuid !== domain.uuid);
  return pathsOfDefinitions(
    others.flatMap(({ definition, inactiveDefinition }) => [definition, inactiveDefinition]),
  );
}
