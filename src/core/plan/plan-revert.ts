import {
  tagOf,
  type Domain,
  type DomainDefinition,
  type DomainSnapshot,
  type ForwardOperation,
  type ImageRef,
  type OperationOf,
  type Plan,
  type RevertStep,
  type StartMemory,
  type UndoableOperation,
} from "../model/index.js";
import { byBackend, type Assigned } from "./assigned.js";

/** One disk with the backend that puts it back. */
export type AssignedRevert = Assigned<RevertStep>;

export interface RevertFacts {
  readonly domain: Domain;
  /** The record to go back to; rewritten when it gets new overlays. */
  readonly snapshot: DomainSnapshot;
  readonly disks: readonly AssignedRevert[];
  /** The definition that the domain has afterwards. */
  readonly definition: DomainDefinition;
  /** Records that change. */
  readonly updatedRecords?: readonly DomainSnapshot[];
  /** Overlays of the state that is left; nothing refers to them any more. */
  readonly leftOverlays: readonly Assigned<ImageRef>[];
  /** What the domain does afterwards; `off` for a toolstack that runs nothing. */
  readonly start: "off" | "running" | "paused";
  /** What it goes on from; missing for a cold start. */
  readonly memory?: StartMemory;
  /** The definition that the memory belongs to, on the images that it goes on with. */
  readonly startDefinition?: DomainDefinition;
  /** Whether the domain is active now and has to be stopped first. */
  readonly stop: boolean;
  readonly warnings: readonly string[];
}

/**
 * Plans a revert. The domain is stopped, if it is active, when all is ready. Everything that can fail (copies, new
 * overlays, checks of internal snapshots) is staged beside the present state first; the switch is
 * the commit point, and from there it only goes forward. Overlays of the state that is left go
 * last, when no record and no definition names them any more.
 */
export function planRevert(facts: RevertFacts): Plan {
  const groups = byBackend<RevertStep, Omit<OperationOf<"disks.revert">, "kind">>(
    facts.disks,
    (backend, disks) => ({
      backend,
      snapshot: tagOf(facts.snapshot),
      disks,
      ...(facts.stop ? { open: true } : {}),
    }),
  );
  const before: UndoableOperation[] = groups.map((group) => ({ kind: "disks.stage", ...group }));
  return {
    verb: "revert",
    domain: { name: facts.domain.name, uuid: facts.domain.uuid },
    snapshot: facts.snapshot.name,
    before,
    after: [
      ...(facts.stop ? [{ kind: "domain.stop" } as const] : []),
      ...groups.map((group) => ({ kind: "disks.revert", ...group }) as const),
      {
        kind: "domain.define",
        definition: facts.definition,
        previous: facts.domain.inactiveDefinition ?? facts.domain.definition,
      },
      ...recordOperations(facts),
      ...startOperations(facts),
      ...discardOperations(facts),
    ],
    warnings: facts.warnings,
  };
}

function recordOperations({ snapshot, updatedRecords = [] }: RevertFacts): ForwardOperation[] {
  return [
    ...updatedRecords.map((record) => ({ kind: "record.write", snapshot: record }) as const),
    { kind: "record.current", name: snapshot.name },
  ];
}

/**
 * A guest with saved memory is let run by an operation of its own: until then it has not touched
 * its disks, and the start can be repeated.
 */
function startOperations({ start, memory, startDefinition }: RevertFacts): ForwardOperation[] {
  if (start === "off") return [];
  if (!memory) return [{ kind: "domain.start", paused: start === "paused" }];
  const definition = startDefinition && { definition: startDefinition };
  return [
    { kind: "domain.start", paused: true, memory, ...definition },
    ...(start === "running" ? [{ kind: "domain.resume" } as const] : []),
  ];
}

function discardOperations({ leftOverlays }: RevertFacts): ForwardOperation[] {
  return byBackend<ImageRef, ForwardOperation>(leftOverlays, (backend, files) => ({
    kind: "disks.discard",
    backend,
    files: files.map(({ path, type, format }) => ({ path, type, format })),
  }));
}
