import { DomsnapError } from "../../core/errors/index.js";
import type { RevertStep } from "../../core/model/operation.js";
import type { ImageFiles } from "../../formats/vhd/index.js";
import type { ImageUsers } from "./image-users.js";
import { assertExtensible, standsOn, temporaryPath, writeOverlay } from "./new-overlay.js";

/**
 * Goes back to frozen images: an empty overlay of each is staged beside the present one and then
 * takes its place, which drops in one step what was written since.
 */
export class DiskReverter {
  constructor(
    private readonly files: ImageFiles,
    private readonly users: ImageUsers,
  ) {}

  async stage(steps: readonly RevertStep[]): Promise<void> {
    for (const step of steps) await assertExtensible(this.files, step.image);
    for (const step of steps) {
      const overlay = overlayOf(step);
      const like =
        (await this.files.identify(overlay.path)) ?? (await this.files.identify(step.image.path));
      if (!like) throw new DomsnapError("image-missing", `cannot access '${step.image.path}'`);
      await writeOverlay(this.files, { path: overlay.path, base: step.image, like });
    }
  }

  async unstage(steps: readonly RevertStep[]): Promise<void> {
    for (const step of steps) await this.files.unlink(temporaryPath(overlayOf(step).path));
  }

  async isStaged(steps: readonly RevertStep[]): Promise<boolean> {
    for (const step of steps)
      if (!(await this.#standsOn(temporaryPath(overlayOf(step).path), step))) return false;
    return true;
  }

  /**
   * Throws what would keep `revert` from it: a program that has the present state open, or nothing
   * staged. To be asked before the first disk is switched: later a missing overlay is one in place.
   */
  async assertReady(steps: readonly RevertStep[]): Promise<void> {
    await this.users.assertUnused(steps.flatMap((step) => [overlayOf(step).path, step.image.path]));
    for (const step of steps) await this.#assertStaged(step);
  }

  async revert(steps: readonly RevertStep[]): Promise<void> {
    await this.users.assertUnused(steps.flatMap((step) => [overlayOf(step).path, step.image.path]));
    for (const step of steps) {
      const { path } = overlayOf(step);
      if (await this.#isReverted(step)) continue;
      await this.#assertStaged(step);
      await this.files.rename(temporaryPath(path), path);
    }
  }

  async isReverted(steps: readonly RevertStep[]): Promise<boolean> {
    for (const step of steps) if (!(await this.#isReverted(step))) return false;
    return true;
  }

  /** What was staged is in place: its temporary name is gone. */
  async #isReverted(step: RevertStep): Promise<boolean> {
    const { path } = overlayOf(step);
    if (await this.files.identify(temporaryPath(path))) return false;
    return this.#standsOn(path, step);
  }

  async #assertStaged(step: RevertStep): Promise<void> {
    if (await this.#standsOn(temporaryPath(overlayOf(step).path), step)) return;
    throw new DomsnapError(
      "image-missing",
      `the overlay that was staged for disk '${step.target}' is gone`,
    );
  }

  #standsOn(path: string, { image }: RevertStep): Promise<boolean> {
    return standsOn(this.files, path, image.path).catch(() => false);
  }
}

function overlayOf({ target, file }: RevertStep) {
  if (file) return file;
  throw new DomsnapError("internal-error", `no overlay is named for disk '${target}'`);
}
