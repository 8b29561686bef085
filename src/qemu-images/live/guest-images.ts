import { emptiedBy, type MergeStep, type OperationOf } from "../../core/model/index.js";
import type { OperationContext } from "../../core/ports/index.js";
import { assertSafeChain, backsOn } from "../backing-chain.js";
import { syncFile } from "../../host/durable-files.js";
import { everyAsync } from "../../host/every-async.js";
import { InternalSnapshots } from "../internal-snapshots.js";
import { OverlayMerger } from "../merge-overlay.js";
import { probeFile } from "../../host/probe-file.js";
import { QemuImg } from "../../clients/qemu-img.js";
import { disksWith, removeInternal } from "./internal-live.js";
import type { LiveGuest } from "./live-guest.js";
import { mergeOpenOverlays } from "./merge-live.js";
import { isInChain } from "./overlay-nodes.js";

/**
 * Gives up states in images that a guest has open; see `domain.merge` and `domain.remove`. When
 * its QEMU has died meanwhile, the rest is done on the images themselves.
 */
export class GuestImages {
  readonly #merger: OverlayMerger;
  readonly #internal: InternalSnapshots;

  constructor(private readonly qemuImg = new QemuImg()) {
    this.#merger = new OverlayMerger(qemuImg, []);
    this.#internal = new InternalSnapshots(qemuImg);
  }

  async merge(
    guest: LiveGuest,
    { disks, resume }: OperationOf<"domain.merge">,
    context: OperationContext,
  ): Promise<void> {
    if (!guest.alive) {
      for (const step of disks) await this.#mergeOffline(step, context);
      return;
    }
    await guest.withMonitor(async (client) => {
      await mergeOpenOverlays(guest, client, disks, { resume, qemuImg: this.qemuImg }, context);
    });
  }

  isMerged(guest: LiveGuest, { disks }: OperationOf<"domain.merge">): Promise<boolean> {
    if (!guest.alive)
      return everyAsync(disks, (step) =>
        step.into === "overlay"
          ? backsOn(step.overlay.path, step.onto.path)
          : this.#merger.isMerged(step),
      );
    return guest.withMonitor((client) =>
      everyAsync(disks, async (step) => !(await isInChain(client, emptiedBy(step).path))),
    );
  }

  /** What `qemu-img rebase` has pulled up hides what is below: it can be repeated after a crash. */
  async #mergeOffline(step: MergeStep, context: OperationContext): Promise<void> {
    if (step.into !== "overlay") return this.#merger.merge(step, context);
    const { overlay, onto, target } = step;
    if (await backsOn(overlay.path, onto.path)) return;
    await assertSafeChain(overlay);
    await context.commit();
    const { bytes = 0 } = step;
    await this.qemuImg.rebase(overlay, onto, {
      signal: context.signal,
      onFraction: (fraction) => {
        const bytesDone = Math.round(fraction * bytes);
        context.progress({ bytesDone, bytesTotal: bytes, subject: target });
      },
    });
    await syncFile(overlay.path);
  }

  /** Warns of images that did not hold the snapshot. */
  async remove(
    guest: LiveGuest,
    { disks, snapshot }: OperationOf<"domain.remove">,
    context: OperationContext,
  ): Promise<void> {
    if (!guest.alive) {
      for (const step of disks) await this.#internal.remove(step, snapshot, context);
      return;
    }
    await guest.withMonitor(async (client) => {
      const holding = new Set(await disksWith(client, disks, snapshot));
      for (const disk of disks.filter((one) => !holding.has(one)))
        context.warn(`image '${disk.image.path}' held no snapshot '${snapshot}'`);
      await context.commit();
      await removeInternal(client, disks, snapshot);
    });
  }

  async isRemoved(
    guest: LiveGuest,
    { disks, snapshot }: OperationOf<"domain.remove">,
  ): Promise<boolean> {
    const present = disks.filter(({ image }) => probeFile(image.path).kind !== "absent");
    if (!guest.alive)
      return everyAsync(present, async (step) => !(await this.#internal.isHeld(step, snapshot)));
    return guest.withMonitor(
      async (client) => (await disksWith(client, present, snapshot)).length === 0,
    );
  }
}
