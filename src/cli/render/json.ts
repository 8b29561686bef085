import type { DomsnapError } from "../../core/errors/index.js";
import type { Domain, SnapshotHead } from "../../core/model/index.js";
import { isExternalSnapshot } from "../../core/model/index.js";
import type { ChangeResult } from "../../core/operations/shared/results.js";
import type { Operation, Plan } from "../../core/model/operation.js";
import type { OperationMeasures } from "../../core/ports/index.js";

/**
 * Data as JSON text with a final line end. A bigint becomes a number where a number holds it
 * exactly, and a string of digits otherwise. Control characters are escaped by JSON itself; those
 * of the upper range (C1), which a terminal also obeys, are escaped here.
 */
export function formatJson(data: unknown): string {
  const text = JSON.stringify(data ?? null, jsonValue, 2);
  return `${text.replace(/[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, escapeUnit)}\n`;
}

function escapeUnit(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function jsonValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint")
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Set) return [...(value as Set<unknown>)];
  return value;
}

/** The shape of an error on standard error: `{ "error": { ... } }`. */
export function errorJson(
  error: DomsnapError,
  lines: readonly string[],
  exitStatus: number,
): unknown {
  return {
    error: {
      code: error.code,
      message: lines.join("\n"),
      hint: error.hint ?? error.kind.advice,
      effect: error.effect,
      exitStatus,
    },
  };
}

export function domainJson(domain: Domain): unknown {
  return {
    name: domain.name,
    uuid: domain.uuid,
    id: domain.id,
    state: domain.state,
    persistent: domain.persistent,
  };
}

/** A snapshot without the definitions of its domain. */
export function snapshotJson(head: SnapshotHead): unknown {
  return {
    name: head.name,
    description: head.description,
    state: head.state,
    parent: head.parent,
    creationTime: head.creationTime,
    external: isExternalSnapshot(head),
    consistency: head.consistency,
    memory: head.memory,
    disks: head.disks.map((disk) => ({
      name: disk.name,
      mode: disk.mode,
      type: disk.type,
      format: disk.format,
      file: disk.source?.path,
      backend: disk.backend,
    })),
  };
}

/** What a change did, or with a dry run would do. */
export function changeJson(result: ChangeResult): Record<string, unknown> {
  return {
    domain: { name: result.domain.name, uuid: result.domain.uuid },
    executed: result.executed,
    warnings: result.warnings,
    ...(result.measures ? { measures: measuresJson(result.measures) } : {}),
    ...(result.executed ? {} : { plans: result.plans.map(planJson) }),
  };
}

function measuresJson({ downtimeMs, frozenMs, ...others }: OperationMeasures): unknown {
  return { downtimeMs: toMicroseconds(downtimeMs), frozenMs: toMicroseconds(frozenMs), ...others };
}

/** QEMU's clock is no finer; sums of its times have many more digits. */
function toMicroseconds(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1000) / 1000;
}

/** Operations from `commitAt` on are carried through, those before it can be undone. */
export function planJson({ before, after, ...plan }: Plan): unknown {
  return {
    ...plan,
    operations: [...before, ...after].map(planOperationJson),
    commitAt: before.length,
  };
}

/** Definitions may hold passwords; of them only the disks are told. */
export function planOperationJson(operation: Operation): unknown {
  switch (operation.kind) {
    case "domain.define":
      return { kind: operation.kind, disks: diskSources(operation) };
    case "record.write":
      return { kind: operation.kind, snapshot: snapshotJson(operation.snapshot) };
    case "domain.start":
      return { kind: operation.kind, paused: operation.paused, memory: operation.memory };
    case "records.add":
      return { kind: operation.kind, snapshots: operation.snapshots.map(snapshotJson) };
    case "disks.snapshot":
    case "disks.stage":
    case "disks.revert":
    case "disks.remove":
    case "disks.merge":
    case "disks.discard":
    case "domain.quiesce":
    case "domain.thaw":
    case "domain.prepare-capture":
    case "domain.capture":
    case "domain.merge":
    case "domain.remove":
    case "domain.discard-memory":
    case "domain.stop":
    case "domain.pause":
    case "domain.resume":
    case "record.remove":
    case "record.current":
      return operation;
  }
}

function diskSources(operation: Extract<Operation, { readonly kind: "domain.define" }>): unknown {
  const before = new Map(operation.previous.disks.map((disk) => [disk.target, disk.source?.path]));
  return operation.definition.disks.map(({ target, source }) => ({
    target,
    file: source?.path,
    previousFile: before.get(target),
  }));
}
