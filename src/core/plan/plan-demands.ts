import type {
  Capture,
  Demand,
  ImageRef,
  MergeStep,
  Operation,
  Plan,
  RemoveStep,
  RevertStep,
  SnapshotStep,
} from "../model/index.js";
import { operationsOf } from "./plan-operations.js";

/**
 * What a plan asks of the host, in its order: files that it makes, changes in place, replaces and
 * removes. What it makes only to remove it again is left out.
 */
export function demandsOf(plan: Plan): Demand[] {
  return operationsOf(plan).flatMap(demandsOfOperation);
}

function demandsOfOperation(operation: Operation): Demand[] {
  switch (operation.kind) {
    case "disks.snapshot":
      return operation.disks.flatMap(demandsOfSnapshot);
    case "disks.stage":
      return operation.disks.flatMap(demandsOfRevert);
    case "disks.remove":
      return operation.disks.map(demandOfRemoval);
    case "disks.merge":
    case "domain.merge":
      return operation.disks.flatMap(demandsOfMerge);
    case "disks.discard":
      return operation.files.map(({ path }) => ({ place: path, use: "remove" }));
    case "domain.prepare-capture":
      return operation.disks.flatMap(demandsOfSnapshot);
    case "domain.capture":
      return demandsOfMemory(operation);
    case "domain.remove":
      return operation.disks.map(({ image }) => write(image));
    case "domain.discard-memory":
      return [{ place: operation.file, use: "remove" }];
    // A revert switches to what it has staged; files of the others are asked about by who keeps them.
    case "disks.revert":
    case "domain.define":
    case "domain.start":
    case "domain.stop":
    case "domain.pause":
    case "domain.resume":
    case "domain.quiesce":
    case "domain.thaw":
    case "record.write":
    case "records.add":
    case "record.remove":
    case "record.current":
      return [];
  }
}

function demandsOfSnapshot(step: SnapshotStep): Demand[] {
  switch (step.keeps) {
    case "inside":
      return [write(step.image)];
    case "copy":
      return [{ ...make(step.copy), content: { copyOf: step.image.path } }];
    case "overlay":
      return step.before === "reused" ? [] : [make(step.overlay)];
    case "renamed":
      return [{ place: step.image.path, use: "replace" }, make(step.frozen)];
  }
}

function demandsOfRevert(step: RevertStep): Demand[] {
  switch (step.keeps) {
    case "inside":
      return [write(step.image)];
    case "copy":
      return [{ place: step.image.path, use: "replace", content: { copyOf: step.copy.path } }];
    case "overlay":
      return [make(step.overlay)];
  }
}

function demandOfRemoval(step: RemoveStep): Demand {
  return step.keeps === "inside" ? write(step.image) : { place: step.copy.path, use: "remove" };
}

/** The room for a merge is asked about by who merges: what both images have takes none. */
function demandsOfMerge({ into, base, overlay, relink }: MergeStep): Demand[] {
  const children = relink.map(write);
  if (into === "overlay") return [write(overlay), ...children];
  const renamed: Demand[] = into === "renamed" ? [{ place: overlay.path, use: "replace" }] : [];
  return [write(base), ...renamed, ...children];
}

/** Without a word of it, memory goes where the first disk is. */
function demandsOfMemory({ memory, disks }: Capture): Demand[] {
  if (memory === undefined) return [];
  const content = memory.bytes === undefined ? {} : { content: { bytes: memory.bytes } };
  if (memory.mode === "external") return [{ place: memory.file, use: "make", ...content }];
  const [first] = disks;
  return first ? [{ ...write(first.image), ...content }] : [];
}

function make({ path }: ImageRef): Demand {
  return { place: path, use: "make" };
}

function write({ path }: ImageRef): Demand {
  return { place: path, use: "write" };
}
