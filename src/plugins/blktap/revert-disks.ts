import { DomsnapError } from "../../core/errors/index.js";
import type { ImageRef, RevertStep } from "../../core/model/index.js";
import type { Evidence } from "../../core/ports/index.js";
import type { ImageFiles } from "../../formats/vhd/index.js";
import type { ImageUsers } from "./image-users.js";
import {
  assertExtensible,
  dropTemporary,
  isMadeFor,
  standsOn,
  temporaryPath,
  writeOverlay,
} from "./new-overlay.js";

/**
 * Goes back to frozen images: an empty overlay of each is staged beside the present one and then
 * takes its place, which drops in one step what was written since.
 */
export class DiskReverter {
  constructor(
    private readonly files: ImageFiles,
    private readonly users: ImageUsers,
  ) {}

  async stage(steps: readonly RevertStep[], evidence: Evidence): Promise<void> {
    for (const step of steps) await assertExtensible(this.files, step.image);
    for (const step of steps) {
      const { path } = overlayOf(step);
      const replaces = (await this.files.identify(path)) ? path : step.image.path;
      const like = await this.files.identify(replaces);
      if (!like) throw new DomsnapError("image-missing", `cannot access '${step.image.path}'`);
      await writeOverlay(this.files, { path, base: step.image, like, replaces }, evidence);
    }
  }

  async unstage(steps: readonly RevertStep[], evidence: Evidence): Promise<void> {
    for (const step of steps) await dropTemporary(this.files, overlayOf(step).path, evidence);
  }

  async isStaged(steps: readonly RevertStep[], evidence: Evidence): Promise<boolean> {
    for (const step of steps) if (!(await this.#isStaged(step, evidence))) return false;
    return true;
  }

  /**
   * Throws what would keep `revert` from it: a program that has the present state open, or nothing
   * staged. To be asked before the first disk is switched: later a missing overlay is one in place.
   */
  async assertReady(steps: readonly RevertStep[], evidence: Evidence): Promise<void> {
    await this.users.assertUnused(steps.flatMap((step) => [overlayOf(step).path, step.image.path]));
    for (const step of steps) await this.#assertStaged(step, evidence);
  }

  async revert(steps: readonly RevertStep[], evidence: Evidence): Promise<void> {
    await this.users.assertUnused(steps.flatMap((step) => [overlayOf(step).path, step.image.path]));
    for (const step of steps) {
      const { path } = overlayOf(step);
      if (await isMadeFor(this.files, path, evidence)) continue;
      await this.#assertStaged(step, evidence);
      await this.files.rename(temporaryPath(path, evidence), path);
    }
  }

  /** What was staged is in place. */
  async isReverted(steps: readonly RevertStep[], evidence: Evidence): Promise<boolean> {
    for (const step of steps)
      if (!(await isMadeFor(this.files, overlayOf(step).path, evidence))) return false;
    return true;
  }

  /** The overlay was made for its place, and was written in full. */
  async #isStaged(step: RevertStep, evidence: Evidence): Promise<boolean> {
    const { path } = overlayOf(step);
    const temporary = temporaryPath(path, evidence);
    const staged = await this.files.identify(temporary);
    if (!staged || !evidence.made(path).includes(staged.id)) return false;
    return standsOn(this.files, temporary, step.image.path).catch(() => false);
  }

  async #assertStaged(step: RevertStep, evidence: Evidence): Promise<void> {
    if (await this.#isStaged(step, evidence)) return;
    throw new DomsnapError(
      "image-missing",
      `the overlay that was staged for disk '${step.target}' is gone`,
    );
  }
}

function overlayOf(step: RevertStep): ImageRef {
  if (step.keeps === "overlay") return step.overlay;
  throw new DomsnapError("internal-error", `no overlay is named for disk '${step.target}'`);
}
