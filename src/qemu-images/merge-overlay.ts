import { DomsnapError } from "../core/errors/index.js";
import type { ImageRef, MergeStep } from "../core/model/index.js";
import type { OperationContext } from "../core/ports/index.js";
import { assertSafeChain, backsOn } from "./backing-chain.js";
import { readCopySource } from "../host/copy-file.js";
import { syncFile } from "../host/durable-files.js";
import { assertNotBackedOn } from "./image-guard.js";
import { assertFree } from "../host/image-locks.js";
import { probeFile } from "../host/probe-file.js";
import { SoundImages } from "./sound-images.js";
import type { QemuImg } from "../clients/qemu-img.js";

/**
 * Writes overlays down into the images below them. The overlay stays until it is discarded by an
 * operation of its own, and hides the half-written image below until then: every step can be
 * repeated after a crash.
 */
export class OverlayMerger {
  /** Merges that this process has seen end well: comparing contents again would take as long. */
  readonly #merged = new WeakSet<MergeStep>();

  constructor(
    private readonly qemuImg: QemuImg,
    private readonly imageFolders: readonly string[],
    private readonly sound = new SoundImages(qemuImg),
  ) {}

  /** Throws what would keep `merge` from it, as things stand; an image in use gives `image-in-use`. */
  async assertReady(step: MergeStep): Promise<void> {
    if (probeFile(step.overlay.path).kind === "absent") return;
    await this.#assertMergeable(step);
    await assertFree([{ path: step.base.path, use: "replace" }]);
    for (const image of [step.base, step.overlay]) {
      await this.qemuImg.info(image);
      await this.sound.assertSound(image);
    }
  }

  /**
   * Throws `image-in-use` if another branch backs on the base, which the merge would destroy;
   * `image-conflict` if the overlay backs on something else.
   */
  async merge(step: MergeStep, context: OperationContext): Promise<void> {
    if (probeFile(step.overlay.path).kind === "absent" && (await this.#allLinked(step))) return;
    await this.#assertMergeable(step);
    const { allocatedBytes: bytesTotal } = await readCopySource(step.overlay.path);
    await context.commit();
    await this.qemuImg.commit(step.overlay, {
      signal: context.signal,
      onFraction: (fraction) =>
        context.progress({
          bytesDone: Math.round(fraction * bytesTotal),
          bytesTotal,
          subject: step.target,
        }),
    });
    await syncFile(step.base.path);
    for (const image of step.relink) await this.#relink(image, step.base, context);
    this.#merged.add(step);
  }

  /** Compares the contents: what the base holds then is what the overlay shows. */
  async isMerged(step: MergeStep): Promise<boolean> {
    if (!(await this.#allLinked(step))) return false;
    if (this.#merged.has(step) || probeFile(step.overlay.path).kind === "absent") return true;
    const [base, overlay] = await Promise.all([
      this.qemuImg.info(step.base),
      this.qemuImg.info(step.overlay),
    ]);
    if (base.virtualSizeBytes < overlay.virtualSizeBytes) return false;
    return this.qemuImg.hasSameContent(step.overlay, step.base);
  }

  async #assertMergeable(step: MergeStep): Promise<void> {
    await assertSafeChain(step.overlay);
    await assertSafeChain(step.base);
    if (!(await backsOn(step.overlay.path, step.base.path)))
      throw new DomsnapError(
        "image-conflict",
        `image '${step.overlay.path}' does not back on '${step.base.path}'`,
      );
    await assertNotBackedOn(step.base, this.imageFolders, [step.overlay, ...step.relink]);
  }

  async #relink(image: ImageRef, base: ImageRef, context: OperationContext): Promise<void> {
    if (await backsOn(image.path, base.path)) return;
    await this.qemuImg.rebase(image, base, { contentSame: true, signal: context.signal });
    await syncFile(image.path);
  }

  async #allLinked(step: MergeStep): Promise<boolean> {
    for (const image of step.relink) if (!(await backsOn(image.path, step.base.path))) return false;
    return true;
  }
}
