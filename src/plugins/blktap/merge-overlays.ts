import { dirname } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef, MergeStep } from "../../core/model/index.js";
import type { Evidence, OperationContext } from "../../core/ports/index.js";
import { assertRoom } from "../../host/durable-files.js";
import {
  anchorParent,
  assertMovable,
  changeIdentity,
  findChildren,
  formatFixedFooter,
  isParentMoving,
  mendHeader,
  openChain,
  openChainImage,
  openVhd,
  parentOf,
  relateParent,
  repairVhd,
  SECTOR_BYTES,
  type ImageFiles,
  type MergeTarget,
  type Vhd,
} from "../../formats/vhd/index.js";
import type { ImageUsers } from "./image-users.js";
import type { MergeEngine } from "./merge-engine.js";
import { OverlayParts } from "./overlay-parts.js";
import { chainFormat, standsOn } from "./new-overlay.js";

/**
 * Merges an overlay down into the frozen image below it, which then takes the overlay's identity
 * (its UUID) and its path: whatever stands on the overlay, and whoever uses its path, need not be
 * told. A raw base gets a footer behind its data, which makes it a fixed VHD.
 *
 * How far an earlier call came is told by the files: as long as the base does not have the
 * overlay's UUID the copy is done (again); once it has, only the rename is left; and when the base
 * is gone it has happened. A base that goes to another folder tells the whole path of its own parent
 * from before it goes until it is there.
 */
export class OverlayMerger {
  readonly #parts: OverlayParts;

  constructor(
    private readonly files: ImageFiles,
    private readonly users: ImageUsers,
    private readonly engine: MergeEngine,
    private readonly imageFolders: readonly string[],
    stallLimitBytes?: number,
  ) {
    this.#parts = new OverlayParts(files, users, stallLimitBytes);
  }

  /**
   * Throws `image-in-use` if anything else stands on the base, `image-conflict`, and
   * `operation-failed` when a guest writes faster than its overlay can be merged.
   */
  async merge(step: MergeStep, context: OperationContext): Promise<void> {
    if (await this.#isRenamed(step, context.evidence)) return this.#arrive(step);
    // What could keep it from its work was asked right before; see `assertReady`.
    await context.commit();
    const mergePart = (part: MergeStep) => this.#mergeOne(part, context);
    const rest = await this.#parts.shrink(step, mergePart, context);
    await this.#mergeOne(rest, context);
  }

  /**
   * Throws what would keep `merge` from it as things stand: a stranger who has one of the images
   * open, another branch on the base, sizes that differ, no room. Changes nothing.
   */
  async assertReady(step: MergeStep, evidence: Evidence): Promise<void> {
    if (await this.isMerged(step, evidence)) return;
    // A merge that was interrupted left them, and knows what to do with them.
    if (await this.#parts.arePending(step.overlay, evidence)) return;
    const { base, overlay } = step;
    await this.#assertOverlayOf(step);
    await this.users.assertOnlyTapdisks([overlay.path, base.path]);
    if (await this.#hasIdentityOf(base, overlay)) return;
    await this.#assertWhole(overlay);
    await this.#assertSoleChild(base, overlay);
    await this.#assertRoom(base, overlay);
    if (base.format !== "raw" && (await this.#goesElsewhere(step)))
      await assertMovable(this.files, base.path, await this.files.realPath(overlay.path));
    await this.engine.assertReady(overlay.path, targetOf(base));
  }

  /**
   * The base is gone, and what has the overlay's path is whole. Another file that got the name of the
   * base since does not count.
   */
  async isMerged(step: MergeStep, evidence: Evidence): Promise<boolean> {
    if (!(await this.#isRenamed(step, evidence))) return false;
    if (!(await this.#goesElsewhere(step))) return true;
    return !(await isParentMoving(this.files, step.overlay.path));
  }

  async #isRenamed({ base, overlay }: MergeStep, evidence: Evidence): Promise<boolean> {
    const below = await this.files.identify(base.path);
    if (below && below.id === evidence.found(base.path)) return false;
    if (!(await this.files.identify(overlay.path))) return false;
    if (await this.#parts.arePending(overlay, evidence)) return false;
    return !(await standsOn(this.files, overlay.path, base.path));
  }

  async #mergeOne(step: MergeStep, context: OperationContext): Promise<void> {
    const { base, overlay } = step;
    const isVhdMoved = base.format !== "raw" && (await this.#goesElsewhere(step));
    if (isVhdMoved) await mendHeader(this.files, base.path);
    await this.#assertOverlayOf(step);
    const isInner = step.relink.length > 0;
    await this.users.assertOnlyTapdisks([overlay.path, base.path]);
    // While a guest writes above the overlay, what the overlay itself holds does not change.
    if (isInner) await this.#copy(step, context);
    await this.users.whilePaused([overlay.path, base.path], async () => {
      if (!isInner) await this.#copy(step, context);
      await this.#takeIdentity(step);
      if (isVhdMoved) await anchorParent(this.files, base.path);
      await this.files.rename(base.path, overlay.path);
      if (isVhdMoved) await relateParent(this.files, overlay.path);
    });
  }

  /** The rest of a merge that was interrupted behind the rename, if any. */
  async #arrive(step: MergeStep): Promise<void> {
    const { path } = step.overlay;
    if (!(await this.#goesElsewhere(step)) || !(await isParentMoving(this.files, path))) return;
    await this.users.whilePaused([path], async () => {
      await mendHeader(this.files, path);
      await relateParent(this.files, path);
    });
  }

  /** Whether the base leaves its folder by the merge. */
  async #goesElsewhere({ base, overlay }: MergeStep): Promise<boolean> {
    const [from, to] = [base, overlay].map(({ path }) => this.files.realPath(dirname(path)));
    return (await from) !== (await to);
  }

  async #copy({ base, overlay, target }: MergeStep, context: OperationContext): Promise<void> {
    if (await this.#hasIdentityOf(base, overlay)) return;
    await this.#assertSoleChild(base, overlay);
    await this.#assertRoom(base, overlay);
    await this.#narrowAccess(base, overlay);
    await this.engine.merge(overlay.path, targetOf(base), {
      signal: context.signal,
      onProgress: (progress) => {
        context.progress({ ...progress, subject: target });
      },
    });
  }

  /** What is written to the base was readable only for those who may use the overlay. */
  async #narrowAccess(base: ImageRef, overlay: ImageRef): Promise<void> {
    const lower = await this.files.identify(base.path);
    const upper = await this.files.identify(overlay.path);
    if (!lower || !upper) return;
    const mode = lower.mode & upper.mode;
    if (mode !== lower.mode) await this.files.setMode(base.path, mode);
  }

  /** Repeatable: the footers are written again until all have the UUID. */
  async #takeIdentity({ base, overlay }: MergeStep): Promise<void> {
    const upper = await this.#inspect(overlay.path);
    const { uuid } = upper.footer;
    if (base.format !== "raw") {
      await repairVhd(this.files, base.path);
      await changeIdentity(this.files, base.path, { uuid, hidden: upper.footer.hidden });
      return;
    }
    const { sizeBytes } = upper.layer;
    const file = await this.files.open(base.path, "write");
    try {
      await file.write(formatFixedFooter({ sizeBytes, uuid }), sizeBytes);
      await file.truncate(sizeBytes + SECTOR_BYTES);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  /** Whether the copy is complete: only then the base gets the UUID, in one footer after another. */
  async #hasIdentityOf(base: ImageRef, overlay: ImageRef): Promise<boolean> {
    const { uuid } = (await this.#inspect(overlay.path)).footer;
    const lower = await this.#inspect(base.path).catch((error: unknown) => {
      if (base.format === "raw") return undefined;
      throw error;
    });
    if (!lower) return false;
    const copy = lower.kind === "sparse" ? lower.copy : undefined;
    return lower.footer.uuid === uuid || (base.format !== "raw" && copy?.uuid === uuid);
  }

  async #assertOverlayOf({ base, overlay }: MergeStep): Promise<void> {
    const upper = await openChainImage(this.files, overlay.path, "vhd");
    try {
      const parent = await parentOf(this.files, upper);
      const real = parent && (await this.files.realPath(parent.path));
      if (!parent || real !== (await this.files.realPath(base.path)))
        throw new DomsnapError(
          "image-conflict",
          `image '${overlay.path}' does not stand on '${base.path}'`,
        );
      if (await this.#hasIdentityOf(base, overlay)) return;
      const lower = base.format === "raw" ? undefined : await this.#inspect(base.path);
      if (lower?.footer.uuid !== parent.uuid)
        throw new DomsnapError(
          "image-conflict",
          `image '${base.path}' is another one than '${overlay.path}' was made of`,
          { hint: "Bring the right file back; a merge would mix two disks." },
        );
    } finally {
      await upper.layer.close();
    }
  }

  /** Only before anything is merged: a merge changes the times that this goes by. */
  async #assertWhole({ path }: ImageRef): Promise<void> {
    const chain = await openChain(this.files, path, "vhd");
    await chain.close();
  }

  async #assertSoleChild(base: ImageRef, overlay: ImageRef): Promise<void> {
    const own = await this.files.realPath(overlay.path);
    for (const child of await findChildren(this.files, base.path, this.#candidates(overlay.path)))
      if ((await this.files.realPath(child)) !== own)
        throw new DomsnapError(
          "image-in-use",
          `image '${child}' stands on image '${base.path}' and would be destroyed`,
          { hint: "Delete the other branches first, until one is left." },
        );
  }

  /** The base may have to take every block of the overlay. */
  async #assertRoom(base: ImageRef, overlay: ImageRef): Promise<void> {
    const identity = await this.files.identify(overlay.path);
    await assertRoom([{ path: base.path, bytes: identity?.sizeBytes ?? 0 }]);
  }

  async #inspect(path: string): Promise<Vhd> {
    const image = await openVhd(this.files, path);
    await image.layer.close();
    return image;
  }

  #candidates(path: string): string[] {
    return [path, ...this.imageFolders.map((folder) => `${folder}/.`)];
  }
}

function targetOf(base: ImageRef): MergeTarget {
  return { path: base.path, format: chainFormat(base) };
}
