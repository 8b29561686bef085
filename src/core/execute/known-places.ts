import { DomsnapError } from "../errors/index.js";
import type { Operation, Plan } from "../model/operation.js";
import { placesOf, placesOfPlan } from "../plan/plan-places.js";
import type { HostFiles, Identified } from "../ports/index.js";
import type { PlanEvidence } from "./plan-evidence.js";

type Identify = HostFiles["identify"];

/** What stands at the places that a plan mentions, right before it begins. */
export async function survey(plan: Plan, identify: Identify): Promise<readonly Identified[]> {
  const found: Identified[] = [];
  for (const place of placesOfPlan(plan)) found.push(...(await identify(place)));
  return found;
}

/**
 * Throws `image-conflict` when an operation behind the commit point would change or replace a file
 * that the plan neither found when it began nor made: it came there since, and is somebody's.
 * Operations that only remove files leave such a one by themselves.
 */
export async function assertNoStrangers(
  operation: Operation,
  evidence: PlanEvidence,
  identify: Identify,
): Promise<void> {
  for (const place of writtenPlaces(operation))
    for (const { identity } of await identify(place))
      if (!evidence.knows(identity))
        throw new DomsnapError(
          "image-conflict",
          `another file stands at '${place}' than when this was begun`,
          {
            hint:
              `Move '${place}' out of the way, bring the file back that was there, ` +
              "and run 'domsnap recover'.",
          },
        );
}

function writtenPlaces(operation: Operation): string[] {
  switch (operation.kind) {
    case "disks.revert":
    case "disks.merge":
    case "domain.merge":
    case "domain.remove":
    case "domain.start":
      return placesOf(operation);
    case "disks.remove":
      return placesOf({
        ...operation,
        disks: operation.disks.filter(({ keeps }) => keeps === "inside"),
      });
    default:
      return [];
  }
}
