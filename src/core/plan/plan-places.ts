import type {
  Capture,
  ImageRef,
  MergeStep,
  Operation,
  Plan,
  RemoveStep,
  RevertStep,
  SnapshotStep,
  StartMemory,
} from "../model/index.js";
import { operationsOf } from "./plan-operations.js";

/** Every place on the host that a plan mentions: images, overlays, copies, saved memory; each once. */
export function placesOfPlan(plan: Plan): string[] {
  return [...new Set(operationsOf(plan).flatMap(placesOf))];
}

/** An image that a plan uses. */
export interface UsedImage {
  readonly place: string;
  /** It stays as it is: it is copied, or an overlay is made above it. */
  readonly shared: boolean;
}

/** Every place that a plan mentions, and whether it leaves alone what stands there; each once. */
export function imagesOfPlan(plan: Plan): UsedImage[] {
  const operations = operationsOf(plan);
  const read = new Set(operations.flatMap(readPlacesOf));
  const changed = new Set(operations.flatMap(changedPlacesOf));
  return placesOfPlan(plan).map((place) => ({
    place,
    shared: read.has(place) && !changed.has(place),
  }));
}

function changedPlacesOf(operation: Operation): string[] {
  const read = new Set(readPlacesOf(operation));
  return placesOf(operation).filter((place) => !read.has(place));
}

/** What an operation only reads. */
function readPlacesOf(operation: Operation): string[] {
  switch (operation.kind) {
    case "disks.snapshot":
      return operation.disks.flatMap((step) => (step.keeps === "copy" ? pathsOf(step.image) : []));
    case "disks.stage":
    case "disks.revert":
      return operation.disks.flatMap(readPlacesOfRevert);
    case "disks.remove":
      return operation.disks.flatMap((step) => (step.keeps === "copy" ? pathsOf(step.image) : []));
    case "domain.start":
      return placesOfMemory(operation.memory);
    default:
      return [];
  }
}

function readPlacesOfRevert(step: RevertStep): string[] {
  switch (step.keeps) {
    case "inside":
      return [];
    case "copy":
      return pathsOf(step.copy);
    case "overlay":
      return pathsOf(step.image);
  }
}

/** The places that one operation mentions, whether something stands there or is to be made. */
export function placesOf(operation: Operation): string[] {
  switch (operation.kind) {
    case "disks.snapshot":
      return operation.disks.flatMap(placesOfSnapshot);
    case "disks.stage":
    case "disks.revert":
    case "disks.remove":
      return operation.disks.flatMap(placesOfState);
    case "disks.merge":
    case "domain.merge":
      return operation.disks.flatMap(placesOfMerge);
    case "disks.discard":
      return pathsOf(...operation.files);
    case "domain.prepare-capture":
    case "domain.capture":
      return [...operation.disks.flatMap(placesOfSnapshot), ...placesOfCapture(operation)];
    case "domain.pause":
      return operation.save ? placesOfCapture(operation.save) : [];
    case "domain.remove":
      return pathsOf(...operation.disks.map(({ image }) => image));
    case "domain.start":
      return placesOfMemory(operation.memory);
    case "domain.discard-memory":
      return [operation.file];
    case "domain.define":
    case "domain.stop":
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

function placesOfSnapshot(step: SnapshotStep): string[] {
  switch (step.keeps) {
    case "inside":
      return pathsOf(step.image);
    case "copy":
      return pathsOf(step.image, step.copy);
    case "overlay":
      return pathsOf(step.image, step.overlay);
    case "renamed":
      return pathsOf(step.image, step.frozen, step.overlay);
  }
}

function placesOfState(step: RevertStep | RemoveStep): string[] {
  switch (step.keeps) {
    case "inside":
      return pathsOf(step.image);
    case "copy":
      return pathsOf(step.image, step.copy);
    case "overlay":
      return pathsOf(step.image, step.overlay);
  }
}

function placesOfMerge(step: MergeStep): string[] {
  const onto = step.into === "overlay" ? [step.onto] : [];
  return pathsOf(step.base, step.overlay, ...step.relink, ...onto);
}

function placesOfCapture({ memory }: Pick<Capture, "memory">): string[] {
  return memory?.mode === "external" ? [memory.file] : [];
}

function placesOfMemory(memory: StartMemory | undefined): string[] {
  if (!memory) return [];
  return memory.mode === "external"
    ? [memory.file]
    : pathsOf(...memory.disks.map(({ image }) => image));
}

function pathsOf(...images: readonly Pick<ImageRef, "path">[]): string[] {
  return images.map(({ path }) => path);
}
