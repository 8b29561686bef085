import { DomsnapError } from "../core/errors/index.js";
import type { FileBefore, ImageRef } from "../core/model/index.js";
import type { Evidence, OperationContext } from "../core/ports/index.js";
import { assertSafeChain, backsOn } from "./backing-chain.js";
import { readCopySource } from "../host/copy-file.js";
import { isVacant, syncFile } from "../host/durable-files.js";
import { beginFile, fileExists, isMade, unmakeFile } from "../host/new-file.js";
import { assertFree } from "../host/image-locks.js";
import { probeFile } from "../host/probe-file.js";
import { SoundImages } from "./sound-images.js";
import type { QemuImg } from "../clients/qemu-img.js";

/** An overlay to make. */
export interface OverlayStep {
  readonly target: string;
  /** The image below, which freezes. */
  readonly base: ImageRef;
  readonly overlay: ImageRef;
  readonly before: FileBefore;
}

/**
 * Overlays above frozen images. Whether an overlay was made by an earlier call of the plan is told
 * by the plan's evidence; of a device, which is written in place, by its header.
 */
export class OverlayFiles {
  constructor(
    private readonly qemuImg: QemuImg,
    private readonly sound = new SoundImages(qemuImg),
  ) {}

  /**
   * Throws unless the overlay can be made or is made already: `image-missing`, `image-in-use` for
   * the image below (unless `shared`: a guest has it open), `image-conflict` for a foreign file in
   * the way, `disk-unsupported`.
   */
  async assertPossible(
    step: OverlayStep,
    evidence: Evidence,
    options: { readonly shared?: boolean } = {},
  ): Promise<void> {
    await assertSafeChain(step.base);
    await this.qemuImg.info(step.base, options);
    // qemu-img takes no lock on the image below when it makes an overlay.
    if (options.shared !== true) await assertFree([{ path: step.base.path, use: "read" }]);
    if (!options.shared) await this.sound.assertSound(step.base);
    await assertPlace(step, evidence);
  }

  /** Makes the overlay, private and owned like the image below; one that is made stays. */
  async make(step: OverlayStep, context: OperationContext): Promise<void> {
    if (step.before === "reused" || (await isOurs(step, context.evidence))) return;
    if (probeFile(step.overlay.path).kind === "block") {
      await this.#fill(step, step.overlay.path, context);
      await syncFile(step.overlay.path);
      return;
    }
    const owner = await readCopySource(step.base.path);
    const file = await beginFile(step.overlay.path, step.before, { owner }, context.evidence);
    try {
      await this.#fill(step, file.partial, context);
      await file.publish();
    } finally {
      await file.discard();
    }
  }

  /** Takes back what `make` did. */
  async takeBack(step: OverlayStep, evidence: Evidence): Promise<void> {
    if (step.before === "reused") return;
    if (probeFile(step.overlay.path).kind === "block") return;
    await unmakeFile(step.overlay.path, step.before, evidence);
  }

  isMade(step: OverlayStep, evidence: Evidence): Promise<boolean> {
    if (step.before === "reused")
      return Promise.resolve(probeFile(step.overlay.path).kind !== "absent");
    return isOurs(step, evidence);
  }

  #fill(step: OverlayStep, path: string, context: OperationContext): Promise<void> {
    const overlay = { path, format: step.overlay.format };
    return this.qemuImg.createOverlay(overlay, step.base, { signal: context.signal });
  }
}

/** Throws unless the place of the overlay is as it was planned, or taken by the overlay itself. */
async function assertPlace(step: OverlayStep, evidence: Evidence): Promise<void> {
  const { path } = step.overlay;
  if (step.before === "absent" && (await isVacant(path))) return;
  const fact = probeFile(path);
  if (step.before !== "absent" && fact.kind === "absent")
    throw new DomsnapError(
      "image-missing",
      `missing existing file for disk ${step.target}: ${path}`,
    );
  if (step.before === "reused") return;
  const isEmpty = fact.kind === "block" || (fact.kind === "regular" && fact.sizeBytes === 0);
  if (step.before === "empty" && isEmpty) return;
  if (!(await isOurs(step, evidence))) throw fileExists(step.overlay);
}

async function isOurs({ overlay, base }: OverlayStep, evidence: Evidence): Promise<boolean> {
  const { kind } = probeFile(overlay.path);
  if (kind === "absent") return false;
  return kind === "block" ? backsOn(overlay.path, base.path) : isMade(overlay.path, evidence);
}
