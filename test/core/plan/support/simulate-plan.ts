import type {
  DomainDefinition,
  DomainSnapshot,
  ImageRef,
  MergeStep,
  Operation,
  RemoveStep,
  RevertStep,
  SnapshotStep,
  UndoableOperation,
} from "../../../../src/core/model/index.js";
import { imageOf } from "../../../../src/core/plan/disk-images.js";
import { relocationTo } from "../../../../src/core/plan/document-edits.js";
import { relocateDisks } from "../../../../src/xml/index.js";
import {
  assertFree,
  contentOf,
  imageAt,
  newImage,
  overlayOn,
  renamed,
  Violation,
  withImage,
  withoutImage,
  type Image,
  type Images,
} from "./images.js";

/** All that a plan can change, as one plain value. */
export interface World {
  readonly images: Images;
  /** What a revert has made ready, by the path that it is for. */
  readonly staged: Images;
  /** The stored definition. */
  readonly definition: DomainDefinition;
  /** The definition of the running guest; missing while it is off. */
  readonly live?: DomainDefinition;
  readonly records: ReadonlyMap<string, DomainSnapshot>;
  readonly current?: string;
}

/**
 * What an operation does, for content alone and without any of the guards that real handlers have:
 * what they would catch is to be seen here. Throws `Violation`.
 */
export function runOperation(world: World, operation: Operation): World {
  switch (operation.kind) {
    case "disks.snapshot":
      return operation.disks.reduce((now, step) => freeze(now, step, operation.snapshot), world);
    case "domain.capture":
      return operation.disks.reduce(
        (now, step) => follow(freeze(now, step, operation.snapshot), step),
        world,
      );
    case "disks.stage":
      return operation.disks.reduce(stage, world);
    case "disks.revert":
      return operation.disks.reduce((now, step) => putBack(now, step, operation.snapshot), world);
    case "disks.remove":
    case "domain.remove":
      return operation.disks.reduce((now, step) => remove(now, step, operation.snapshot), world);
    case "disks.merge":
    case "domain.merge":
      return operation.disks.reduce(merge, world);
    case "disks.discard":
      return operation.files.reduce(discard, world);
    case "domain.define":
      return { ...world, definition: operation.definition };
    case "domain.start":
      return { ...world, live: operation.definition ?? world.definition };
    case "domain.stop":
      return off(world);
    case "record.write":
      return withRecords(world, [operation.snapshot]);
    case "records.add":
      return withRecords(world, operation.snapshots);
    case "record.remove":
      return { ...world, records: without(world.records, operation.name) };
    case "record.current":
      return withCurrent(world, operation.name);
    case "domain.prepare-capture":
    case "domain.pause":
    case "domain.resume":
    case "domain.quiesce":
    case "domain.thaw":
    case "domain.discard-memory":
      return world;
  }
}

/** What taking an operation back does. */
export function undoOperation(world: World, operation: UndoableOperation): World {
  switch (operation.kind) {
    case "disks.snapshot":
      return operation.disks.reduceRight(
        (now, step) => unfreeze(now, step, operation.snapshot),
        world,
      );
    case "domain.capture":
      return operation.disks.reduceRight(
        (now, step) => unfreeze(unfollow(now, step), step, operation.snapshot),
        world,
      );
    case "disks.stage":
      return operation.disks.reduceRight(unstage, world);
    case "domain.define":
      return { ...world, definition: operation.previous };
    case "records.add":
      return operation.snapshots.reduceRight(
        (now, { name }) => ({ ...now, records: without(now.records, name) }),
        world,
      );
    case "domain.prepare-capture":
    case "domain.pause":
    case "domain.resume":
    case "domain.quiesce":
    case "domain.thaw":
      return world;
  }
}

function freeze(world: World, step: SnapshotStep, tag: string): World {
  const { images } = world;
  const { path } = step.image;
  if (step.keeps !== "inside") assertPlanned(step);
  switch (step.keeps) {
    case "inside": {
      const image = imageAt(images, path);
      if (image.inside.has(tag)) throw new Violation(`'${path}' holds a snapshot '${tag}' already`);
      const inside = new Map([...image.inside, [tag, image.layer]]);
      return at(world, path, { ...image, inside });
    }
    case "copy":
      return at(world, assertFree(images, step.copy.path), copyOf(images, path, step.copy, true));
    case "overlay": {
      const overlay = overlayOn(images, path, step.overlay.format);
      return at(world, assertFree(images, step.overlay.path), overlay);
    }
    case "renamed": {
      const moved = renamed(images, path, step.frozen.path);
      const overlay = overlayOn(moved, step.frozen.path, step.overlay.format);
      return { ...world, images: withImage(moved, assertFree(moved, step.overlay.path), overlay) };
    }
  }
}

function unfreeze(world: World, step: SnapshotStep, tag: string): World {
  const { images } = world;
  const { path } = step.image;
  switch (step.keeps) {
    case "inside": {
      const image = imageAt(images, path);
      return at(world, path, { ...image, inside: without(image.inside, tag) });
    }
    case "copy":
      return { ...world, images: withoutImage(images, step.copy.path) };
    case "overlay":
      return { ...world, images: withoutImage(images, step.overlay.path) };
    case "renamed": {
      const bare = withoutImage(images, step.overlay.path);
      return { ...world, images: renamed(bare, step.frozen.path, path) };
    }
  }
}

/** The model has no empty files, and nothing is reused in it. */
function assertPlanned({ before, target }: Exclude<SnapshotStep, { keeps: "inside" }>): void {
  if (before !== "absent") throw new Violation(`disk '${target}' is kept where something stands`);
}

/** The running guest goes on in its overlay. */
function follow(world: World, step: SnapshotStep): World {
  return step.keeps === "overlay" ? relocated(world, step, step.image, step.overlay) : world;
}

function unfollow(world: World, step: SnapshotStep): World {
  return step.keeps === "overlay" ? relocated(world, step, step.overlay, step.image) : world;
}

function relocated(
  world: World,
  { target }: Pick<MergeStep, "target">,
  from: ImageRef,
  to: ImageRef,
): World {
  const { live } = world;
  if (imageOf(live, target)?.path !== from.path || !live) return world;
  return { ...world, live: relocateDisks(live, [relocationTo(target, to)]) };
}

function stage(world: World, step: RevertStep): World {
  const { images, staged } = world;
  switch (step.keeps) {
    case "inside":
      return world;
    case "copy": {
      const { ours } = imageAt(images, step.image.path);
      const copy = copyOf(images, step.copy.path, step.image, ours);
      return { ...world, staged: withImage(staged, step.image.path, copy) };
    }
    case "overlay": {
      const overlay = overlayOn(images, step.image.path, step.overlay.format);
      return { ...world, staged: withImage(staged, step.overlay.path, overlay) };
    }
  }
}

function unstage(world: World, step: RevertStep): World {
  return step.keeps === "inside"
    ? world
    : { ...world, staged: withoutImage(world.staged, placeOf(step).path) };
}

function putBack(world: World, step: RevertStep, tag: string): World {
  const { images, staged } = world;
  const { path } = placeOf(step);
  if (step.keeps !== "inside") {
    const unstaged = { ...world, staged: withoutImage(staged, path) };
    return at(unstaged, path, imageAt(staged, path));
  }
  const image = imageAt(images, path);
  const layer = image.inside.get(tag);
  if (!layer) throw new Violation(`'${path}' holds no snapshot '${tag}'`);
  return at(world, path, { ...image, layer });
}

function placeOf(step: RevertStep): ImageRef {
  return step.keeps === "overlay" ? step.overlay : step.image;
}

function remove(world: World, step: RemoveStep, tag: string): World {
  if (step.keeps === "copy") return discard(world, step.copy);
  const image = imageAt(world.images, step.image.path);
  if (!image.inside.has(tag)) throw new Violation(`'${step.image.path}' holds no '${tag}'`);
  return at(world, step.image.path, { ...image, inside: without(image.inside, tag) });
}

function merge(world: World, step: MergeStep): World {
  const { images } = world;
  const base = imageAt(images, step.base.path);
  const overlay = imageAt(images, step.overlay.path);
  if (overlay.backing !== step.base.path)
    throw new Violation(`'${step.overlay.path}' does not stand on '${step.base.path}'`);
  const layer = new Map([...base.layer, ...overlay.layer]);
  switch (step.into) {
    case "base": {
      const written = withImage(images, step.base.path, { ...base, layer });
      const linked = relink(written, step.relink, step.base.path);
      return relocated({ ...world, images: linked }, step, step.overlay, step.base);
    }
    case "renamed": {
      const written = withImage(images, step.base.path, {
        ...base,
        layer,
        format: overlay.format,
      });
      const bare = withoutImage(written, step.overlay.path);
      return { ...world, images: renamed(bare, step.base.path, step.overlay.path) };
    }
    case "overlay":
      return at(world, step.overlay.path, { ...overlay, layer, backing: step.onto.path });
  }
}

function relink(images: Images, children: readonly ImageRef[], backing: string): Images {
  return children.reduce(
    (now, { path }) => withImage(now, path, { ...imageAt(now, path), backing }),
    images,
  );
}

/** A merge into a base that takes the overlay's path has left nothing to unlink. */
function discard(world: World, { path }: ImageRef): World {
  const image = world.images.get(path);
  if (!image) return world;
  if (!image.ours) throw new Violation(`'${path}' would be unlinked, and no plan has made it`);
  return { ...world, images: withoutImage(world.images, path) };
}

/** All that a reader sees, in an image that stands alone. */
function copyOf(images: Images, from: string, { format }: ImageRef, ours: boolean): Image {
  const layer = new Map([...contentOf(images, from)].map((value, block) => [block, value]));
  return newImage({ format, layer, ours });
}

function at(world: World, path: string, image: Image): World {
  return { ...world, images: withImage(world.images, path, image) };
}

function off({ live: _stopped, ...world }: World): World {
  return world;
}

function withRecords(world: World, snapshots: readonly DomainSnapshot[]): World {
  const written = snapshots.map((snapshot) => [snapshot.name, snapshot] as const);
  return { ...world, records: new Map([...world.records, ...written]) };
}

function withCurrent({ current: _before, ...world }: World, name: string | undefined): World {
  return name === undefined ? world : { ...world, current: name };
}

function without<Value>(map: ReadonlyMap<string, Value>, key: string): Map<string, Value> {
  return new Map([...map].filter(([other]) => other !== key));
}
