import { DomsnapError } from "../../core/errors/index.js";
import type { FileBefore, ImageRef, SnapshotStep } from "../../core/model/index.js";
import type { Evidence, OperationContext } from "../../core/ports/index.js";
import { fileExists } from "../../host/new-file.js";
import {
  isPortableParent,
  mergeIntoParent,
  type ChainView,
  type ImageFiles,
} from "../../formats/vhd/index.js";
import type { ImageUsers } from "./image-users.js";
import {
  assertExtensible,
  assertTapdiskPath,
  chainFormat,
  dropTemporary,
  isEmptyOverlay,
  isMadeFor,
  standsOn,
  temporaryPath,
  writeOverlay,
  type NewOverlay,
} from "./new-overlay.js";

/**
 * Freezes disks by putting an empty overlay above each image. The overlay either takes the path of
 * the image, which gets another name (`freezeAs`), or stands at a path of its own.
 *
 * How far an earlier call came is told by the files alone:
 * `untouched` → `linked` (the image has both names) or, without hard links, `renamed` → `switched`.
 */
export class DiskFreezer {
  constructor(
    private readonly files: ImageFiles,
    private readonly users: ImageUsers,
    private readonly view: ChainView = {},
  ) {}

  /**
   * Freezes a group at one point in time: every tapdisk is paused before the first overlay takes
   * its place. Everything is checked before the first file is made.
   */
  async freeze(steps: readonly SnapshotStep[], context: OperationContext): Promise<void> {
    const disks = steps.map(diskOf);
    for (const disk of disks) await this.#assertPossible(disk, context.evidence);
    if (context.signal.aborted)
      throw new DomsnapError("cancelled", "the snapshot was stopped on request");
    await this.users.whilePaused(
      disks.map(({ present }) => present.path),
      async () => {
        for (const disk of disks) await this.#prepare(disk, context);
        for (const disk of disks) await this.#switch(disk, context.evidence);
      },
    );
  }

  /** Takes back what `freeze` did; what a guest wrote meanwhile is kept. */
  async thaw(steps: readonly SnapshotStep[], context: OperationContext): Promise<void> {
    const disks = steps.map(diskOf).filter((disk) => disk.before !== "reused");
    const paths = disks.flatMap(({ present, overlay }) => [present.path, overlay.path]);
    await this.users.whilePaused(paths, async () => {
      for (const disk of disks.reverse()) await this.#takeBack(disk, context);
    });
  }

  async isFrozen(steps: readonly SnapshotStep[], evidence: Evidence): Promise<boolean> {
    for (const step of steps)
      if ((await this.#stateOf(diskOf(step), evidence)) !== "switched") return false;
    return true;
  }

  async #assertPossible(disk: FrozenDisk, evidence: Evidence): Promise<void> {
    const state = await this.#stateOf(disk, evidence);
    assertPlaces(disk, state);
    if (state === "switched") return;
    if (disk.before === "reused")
      throw new DomsnapError(
        "image-conflict",
        `file '${disk.overlay.path}' is no overlay of image '${disk.present.path}'`,
      );
    assertTapdiskPath(disk.overlay.path);
    assertTapdiskPath(disk.frozen.path);
    if (state === "untouched") await assertExtensible(this.files, disk.present, this.view);
  }

  async #prepare(disk: FrozenDisk, context: OperationContext): Promise<void> {
    const state = await this.#stateOf(disk, context.evidence);
    if (state === "switched") return;
    const { present, frozen, overlay } = disk;
    if (!isPortableParent(overlay.path, frozen.path))
      context.warn(
        `'${frozen.path}' has letters that vhd-util and tapdisk cannot follow from '${overlay.path}'`,
      );
    const base = state === "renamed" ? frozen : present;
    const users = await this.#usersOf(disk, base);
    await writeOverlay(
      this.files,
      { path: overlay.path, base, baseName: frozen.path, ...users, view: this.view },
      context.evidence,
    );
  }

  async #switch(disk: FrozenDisk, evidence: Evidence): Promise<void> {
    const { present, frozen, overlay } = disk;
    const state = await this.#stateOf(disk, evidence);
    if (state === "switched") return;
    // Somebody may have taken the name since: the image would go with the only one that it has.
    assertPlaces(disk, state);
    if (state === "untouched" && frozen.path !== present.path) await this.#giveName(disk);
    const isNewName = frozen.path === present.path && disk.before === "absent";
    const temporary = temporaryPath(overlay.path, evidence);
    if (isNewName) await this.#publish(temporary, overlay.path);
    else await this.files.rename(temporary, overlay.path);
  }

  /** The image gets its second name, or its only other one where there are no hard links. */
  async #giveName({ present, frozen, before }: FrozenDisk): Promise<void> {
    if (before === "empty") await this.#dropEmpty(frozen);
    if (await this.files.link(present.path, frozen.path)) return;
    if (await this.files.identify(frozen.path)) throw fileExists(frozen);
    await this.files.rename(present.path, frozen.path);
  }

  /** The file that is replaced is still empty, so that nothing goes with it. */
  async #dropEmpty(frozen: ImageRef): Promise<void> {
    const taken = await this.files.identify(frozen.path);
    if (taken && taken.sizeBytes > 0) throw fileExists(frozen);
    await this.files.unlink(frozen.path);
  }

  /** A rename would replace a file that has appeared meanwhile; a link does not. */
  async #publish(from: string, to: string): Promise<void> {
    if (await this.files.link(from, to)) await this.files.unlink(from);
    else await this.files.rename(from, to);
  }

  async #takeBack(disk: FrozenDisk, context: OperationContext): Promise<void> {
    const { present, frozen, overlay } = disk;
    const { evidence } = context;
    const state = await this.#stateOf(disk, evidence);
    if (frozen.path === present.path) {
      if (state === "switched") await this.#removeNew(disk, evidence);
    } else {
      if (state === "switched" && !(await isMadeFor(this.files, overlay.path, evidence))) return;
      if (state === "switched") await this.#mergeBack(disk, context);
      if (state === "switched" || state === "renamed")
        await this.files.rename(frozen.path, present.path);
      if (state === "linked") await this.files.unlink(frozen.path);
      if (state !== "foreign" && disk.before === "empty") await this.#restoreEmpty(disk);
    }
    await dropTemporary(this.files, overlay.path, evidence);
  }

  /** A guest that went on in the overlay has written there what must not be lost. */
  async #mergeBack({ present, frozen, overlay }: FrozenDisk, { warn }: OperationContext) {
    if (await isEmptyOverlay(this.files, overlay.path)) return;
    warn(`what was written to '${overlay.path}' since is merged back`);
    await mergeIntoParent(this.files, overlay.path, {
      path: frozen.path,
      format: chainFormat(present),
    });
  }

  async #removeNew(disk: FrozenDisk, evidence: Evidence): Promise<void> {
    if (!(await isMadeFor(this.files, disk.overlay.path, evidence))) return;
    if (disk.before === "empty") {
      const file = await this.files.open(disk.overlay.path, "write");
      await file.truncate(0).finally(() => file.close());
    } else await this.files.unlink(disk.overlay.path);
  }

  async #restoreEmpty({ present, newName }: FrozenDisk): Promise<void> {
    const like = await this.files.identify(present.path);
    if (!like || (await this.files.identify(newName))) return;
    const file = await this.files.create(newName, like);
    await file.close();
  }

  /** An overlay at the image's path is used like it; one of its own is private, or as it was. */
  async #usersOf(
    { present, frozen, overlay, before }: FrozenDisk,
    base: ImageRef,
  ): Promise<Pick<NewOverlay, "like" | "replaces">> {
    const kept = before === "empty" ? await this.files.identify(overlay.path) : undefined;
    const like = kept ?? (await this.files.identify(base.path));
    if (!like) throw new DomsnapError("image-missing", `cannot access image '${base.path}'`);
    if (kept) return { like, replaces: overlay.path };
    if (frozen.path === present.path) return { like: { ...like, mode: 0o600 } };
    return { like, replaces: base.path };
  }

  async #stateOf(disk: FrozenDisk, evidence: Evidence): Promise<FreezeState> {
    const { present, frozen, overlay, before, newName } = disk;
    const keepsName = frozen.path === present.path;
    const image = await this.files.identify(present.path);
    const taken = await this.files.identify(newName);
    if (image && taken?.id === image.id) return keepsName ? "foreign" : "linked";
    if (await standsOn(this.files, overlay.path, frozen.path).catch(() => false))
      return taken ? "switched" : "missing";
    if (image) {
      const isFree = !taken || (before === "empty" && taken.sizeBytes === 0);
      return isFree || before === "reused" ? "untouched" : "foreign";
    }
    const isRenamed =
      !keepsName && taken && (await this.#isTemporaryFor(overlay.path, frozen.path, evidence));
    return isRenamed ? "renamed" : "missing";
  }

  #isTemporaryFor(overlay: string, frozen: string, evidence: Evidence): Promise<boolean> {
    return standsOn(this.files, temporaryPath(overlay, evidence), frozen).catch(() => false);
  }
}

type FreezeState =
  /** The image is as it was. */
  | "untouched"
  /** The image has its own name and the frozen one. */
  | "linked"
  /** The image has the frozen name only, and the overlay is not in place yet. */
  | "renamed"
  /** The overlay is in place. */
  | "switched"
  /** Another file is in the way. */
  | "foreign"
  /** There is no image. */
  | "missing";

interface FrozenDisk {
  /** The image as the domain uses it before. */
  readonly present: ImageRef;
  /** The same image under the name that it has afterwards. */
  readonly frozen: ImageRef;
  readonly overlay: ImageRef;
  /** The name that is not there yet: that of the frozen image or of the overlay. */
  readonly newName: string;
  readonly before: FileBefore;
}

function diskOf(step: SnapshotStep): FrozenDisk {
  switch (step.keeps) {
    case "renamed": {
      const { image: present, frozen, overlay, before } = step;
      return { present, frozen, overlay, newName: frozen.path, before };
    }
    case "overlay": {
      const { image, overlay, before } = step;
      return { present: image, frozen: image, overlay, newName: overlay.path, before };
    }
    case "inside":
    case "copy":
      throw new DomsnapError("disk-unsupported", `disk '${step.target}' has no internal snapshots`);
  }
}

/** Throws `image-conflict` for a new name that is another's, `image-missing`. */
function assertPlaces({ newName, present }: FrozenDisk, state: FreezeState): void {
  if (state === "foreign") throw fileExists({ path: newName });
  if (state !== "missing") return;
  throw new DomsnapError(
    "image-missing",
    `cannot access image '${present.path}': No such file or directory`,
  );
}
