import { DomsnapError } from "../../core/errors/index.js";
import {
  temporaryName,
  type ImageRef,
  type MergeStep,
  type SnapshotStep,
} from "../../core/model/index.js";
import type { Evidence, OperationContext } from "../../core/ports/index.js";
import { openVhd, type ImageFiles } from "../../formats/vhd/index.js";
import { DiskFreezer } from "./freeze-disks.js";
import type { ImageUsers } from "./image-users.js";
import { dropTemporary, standsOn } from "./new-overlay.js";

/** A disk is paused while the rest is copied: well under a second. */
const DEFAULT_STALL_LIMIT_BYTES = 64 * 1024 * 1024;
const MOST_ROUNDS = 20;
/** So often in a row the guest may have written more than in the round before. */
const MOST_GROWING_ROUNDS = 3;

type MergePart = (step: MergeStep) => Promise<void>;

/**
 * Makes the topmost overlay of a running guest small before the guest has to wait for the copy: what
 * it holds is frozen as a part, which is an inner overlay and is merged while the guest goes on in a
 * new one, and so on. Two names for parts take turns; which of them are there tells after a crash
 * how far it came.
 */
export class OverlayParts {
  readonly #freezer: DiskFreezer;

  constructor(
    private readonly files: ImageFiles,
    private readonly users: ImageUsers,
    private readonly stallLimitBytes = DEFAULT_STALL_LIMIT_BYTES,
  ) {
    this.#freezer = new DiskFreezer(files, users, { amidMerge: true });
  }

  /**
   * Returns what is left to merge: the step itself, or one with the last part as its base. Throws
   * `operation-failed` when the overlay does not get smaller; it can be run again then.
   */
  async shrink(
    step: MergeStep,
    mergePart: MergePart,
    context: OperationContext,
  ): Promise<MergeStep> {
    let rest = await this.#settle(step, mergePart, context);
    if (step.relink.length > 0 || !(await this.users.areServed([step.overlay.path]))) return rest;
    let growing = 0;
    let before = Infinity;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const held = await this.#heldBytes(step.overlay);
      if (held <= this.stallLimitBytes) return rest;
      growing = held < before ? 0 : growing + 1;
      if (growing >= MOST_GROWING_ROUNDS) break;
      before = held;
      rest = await this.#mergeRound(rest, mergePart, context);
    }
    throw new DomsnapError(
      "operation-failed",
      `the guest writes to disk '${step.target}' faster than its overlay can be merged`,
      { hint: "Repeat it when the guest is less busy, or shut the guest down first." },
    );
  }

  /** Whether an interrupted call left parts. */
  async arePending(overlay: ImageRef, evidence: Evidence): Promise<boolean> {
    for (const part of partsOf(overlay, evidence))
      if (await this.files.identify(part.path)) return true;
    return false;
  }

  /** Finishes the round that an earlier call began, if any. */
  async #settle(
    step: MergeStep,
    mergePart: MergePart,
    context: OperationContext,
  ): Promise<MergeStep> {
    const { evidence } = context;
    const overlayFile = await this.files.identify(step.overlay.path);
    for (const part of partsOf(step.overlay, evidence)) {
      const partFile = await this.files.identify(part.path);
      const isHalfFrozen = partFile && (!overlayFile || partFile.id === overlayFile.id);
      if (isHalfFrozen) await this.#freezer.freeze([freezeStep(step, part)], context);
    }
    await dropTemporary(this.files, step.overlay.path, evidence);
    const top = await this.#partBelow(step.overlay, evidence);
    if (!top) return step;
    for (const base of [step.base, ...partsOf(step.overlay, evidence)])
      if ((await this.files.identify(base.path)) && (await this.#standsOn(top, base)))
        await mergePart({ ...step, base, overlay: top, relink: [step.overlay] });
    return { ...step, base: top };
  }

  async #mergeRound(
    step: MergeStep,
    mergePart: MergePart,
    context: OperationContext,
  ): Promise<MergeStep> {
    const part = partsOf(step.overlay, context.evidence).find(
      ({ path }) => path !== step.base.path,
    );
    if (!part) throw new DomsnapError("internal-error", "both parts are in use");
    await this.#freezer.freeze([freezeStep(step, part)], context);
    await mergePart({ ...step, overlay: part, relink: [step.overlay] });
    return { ...step, base: part };
  }

  async #partBelow(overlay: ImageRef, evidence: Evidence): Promise<ImageRef | undefined> {
    for (const part of partsOf(overlay, evidence))
      if (await this.#standsOn(overlay, part)) return part;
    return undefined;
  }

  #standsOn(image: ImageRef, base: ImageRef): Promise<boolean> {
    return standsOn(this.files, image.path, base.path);
  }

  async #heldBytes({ path }: ImageRef): Promise<number> {
    const image = await openVhd(this.files, path);
    await image.layer.close();
    if (image.kind === "fixed") return 0;
    const { table, header } = image.layer.layout;
    return table.countStored() * header.blockBytes;
  }
}

function partsOf(overlay: ImageRef, { token }: Evidence): ImageRef[] {
  return ["a", "b"].map((name) => ({
    ...overlay,
    path: temporaryName(overlay.path, `part-${name}`, token),
  }));
}

function freezeStep({ target, overlay }: MergeStep, frozen: ImageRef): SnapshotStep {
  return { keeps: "renamed", target, image: overlay, frozen, overlay, before: "absent" };
}
