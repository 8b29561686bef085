import type { Writable } from "node:stream";

import { DomsnapError } from "../../core/errors/index.js";
import type { Capture, OperationOf } from "../../core/model/index.js";
import type { Evidence, OperationContext } from "../../core/ports/index.js";
import { InternalSnapshots } from "../../qemu-images/internal-snapshots.js";
import {
  GuestCapture,
  GuestImages,
  type ImageMove,
  type LiveGuest,
} from "../../qemu-images/live/index.js";
import { beginFile, continueFile, isMade, unmakeFile, type NewFile } from "../../host/new-file.js";
import { probeFile } from "../../host/probe-file.js";
import { QemuImg } from "../../clients/qemu-img.js";
import { GuestWatches } from "../../clients/guardian/index.js";
import type { XlListRow } from "../../clients/xl/index.js";
import { disksOfQemu, findOpenTwice } from "./assessed-guest.js";
import { drainDisks } from "./drain-disks.js";
import { StoredConfig } from "./stored-config.js";
import type { XenDomains } from "./xen-domains.js";
import { awaitQemuEnd, monitorOf, noMonitor } from "./xen-guest-monitor.js";
import { wakeWatchers, watchersOf } from "./watching-xl.js";
import { XenMemory, type MemoryFile, type MemoryRequest } from "./xen-memory.js";

/**
 * Takes running guests at one instant: the memory by xl, which leaves the guest paused, then the
 * disks by QEMU in one transaction, then the guest goes on. Where disks go on in overlays, what
 * libxl has stored about the guest goes with them. The kernel's disks are not QEMU's and cannot be
 * taken.
 */
export class XenCapture {
  readonly #disks = new GuestCapture();
  readonly #images = new GuestImages();
  readonly #internal = new InternalSnapshots(new QemuImg());
  readonly #memory: XenMemory;
  readonly #watches = new GuestWatches();
  /** Since when guests are paused that this process has paused. */
  readonly #pausedAtMs = new Map<string, number>();

  constructor(
    private readonly domains: XenDomains,
    private readonly stateFolder: string,
  ) {
    this.#memory = new XenMemory(domains, stateFolder);
  }

  async prepare(capture: Capture, context: OperationContext): Promise<void> {
    const row = await this.#existing(context);
    await this.#memory.prepare(capture, row, context);
    if (capture.disks.length > 0)
      await this.#disks.prepare(this.#guest(row, context), withoutMemory(capture), context);
  }

  async undoPrepare(capture: Capture, context: OperationContext): Promise<void> {
    const row = await this.domains.findRow(context.domain.uuid);
    await this.#disks.undoPrepare(this.#guest(row, context), withoutMemory(capture), context);
  }

  isPrepared(capture: Capture, context: OperationContext): Promise<boolean> {
    return this.#disks.isPrepared(withoutMemory(capture), context);
  }

  /**
   * Pauses a guest, whose disks are at rest then; with `save` its memory is written beside the
   * place of its file.
   */
  async pause(save: MemoryRequest | undefined, context: OperationContext): Promise<void> {
    const row = await this.#existing(context);
    const memory = save && this.#memory.fileOf(save, context);
    const keepsOpen = await this.#watch(row, context);
    this.#pausedAtMs.set(context.domain.uuid, performance.now());
    if (memory) {
      const { partial } = await begin(memory, context.evidence);
      await this.#memory.save(partial, row, context, keepsOpen);
    } else await this.domains.xl.pause(row.id, { keepsOpen });
    const { definition } = await this.domains.find(context.domain.uuid);
    await drainDisks(row.id, definition.disks);
  }

  /** Gives up memory that was saved, and lets the guest go on. */
  async undoPause(save: MemoryRequest | undefined, context: OperationContext): Promise<void> {
    const memory = save && this.#memory.fileOf(save, context);
    if (memory) await unmakeFile(memory.path, memory.before, context.evidence);
    const row = await this.domains.findRow(context.domain.uuid);
    if (row) wakeWatchers(row.id);
    await this.resume(context);
  }

  /** A guest that died meanwhile cannot go on, and must not keep the rest from being done. */
  async resume({ domain, warn, report }: OperationContext): Promise<void> {
    const pausedAtMs = this.#takePause(domain);
    const row = await this.domains.findRow(domain.uuid);
    if (!row) {
      await this.#endWatch(domain);
      warn(`domain '${domain.name}' is off: it ended while it was paused`);
      return;
    }
    await this.domains.xl.unpause(row.id);
    if (pausedAtMs !== undefined) report?.({ downtimeMs: performance.now() - pausedAtMs });
    await this.#endWatch(domain);
  }

  /** The guest goes on whatever happens, if it is to. */
  async take(capture: Capture, context: OperationContext): Promise<void> {
    const row = await this.#existing(context);
    const memory = this.#memory.fileOf(capture, context);
    const saved = capture.memorySaved === true;
    const file = memory && (await (saved ? continueMemory : begin)(memory, context.evidence));
    const keepsOpen = capture.resume ? await this.#watch(row, context) : undefined;
    const beganMs = this.#takePause(context.domain) ?? performance.now();
    try {
      if (file && !saved) await this.#memory.save(file.partial, row, context, keepsOpen);
      else if (!file) await this.domains.xl.pause(row.id, { keepsOpen });
      await this.#takeDisks(capture, row, context);
      if (capture.resume) await this.domains.xl.unpause(row.id);
      const downtimeMs = performance.now() - beganMs;
      await this.#endWatch(context.domain);
      const written = file ? probeFile(file.partial) : undefined;
      // The guest need not wait until its memory is on the disk.
      await file?.publish();
      context.report?.({
        downtimeMs,
        bytesWritten: written?.kind === "regular" ? written.sizeBytes : 0,
        consistency: capture.memory ? "memory" : "crash-consistent",
      });
    } catch (thrown) {
      if (capture.resume && (await this.domains.xl.find(row.id)))
        await this.domains.xl.unpause(row.id);
      await this.#endWatch(context.domain);
      throw thrown;
    } finally {
      await file?.discard();
    }
  }

  /** Gives up what was taken, and lets the guest go on. */
  async undo(capture: Capture, context: OperationContext): Promise<void> {
    const row = await this.domains.findRow(context.domain.uuid);
    const guest = this.#guest(row, context);
    if (row) wakeWatchers(row.id);
    try {
      await this.#disks.undo(guest, withoutMemory(capture), context);
      await guest.follow?.(movesOf(capture).map(backwards));
      const memory = this.#memory.fileOf(capture, context);
      if (memory) await unmakeFile(memory.path, memory.before, context.evidence);
    } finally {
      if (row && capture.resume) await this.domains.xl.unpause(row.id);
      await this.#endWatch(context.domain);
    }
  }

  async isTaken(capture: Capture, context: OperationContext): Promise<boolean> {
    const memory = this.#memory.fileOf(capture, context);
    if (memory && !(await isMade(memory.path, context.evidence))) return false;
    const row = await this.domains.findRow(context.domain.uuid);
    if (!row || !storedConfig(row, context).isMoved(movesOf(capture))) return false;
    return this.#disks.isTaken(this.#guest(row, context), withoutMemory(capture), context);
  }

  /** Throws what would keep a guest from coming up, while the present one is still there. */
  async assertRestorable(
    start: OperationOf<"domain.start">,
    context: OperationContext,
  ): Promise<void> {
    await this.#memory.assertRestorable(start, context);
  }

  /**
   * Makes the guest anew from its memory and leaves it paused; one that runs is given up. All that
   * can be looked at is looked at before.
   */
  async restore(
    start: Pick<OperationOf<"domain.start">, "memory" | "definition">,
    context: OperationContext,
  ): Promise<void> {
    const config = await this.#memory.assertRestorable(start, context);
    const row = await this.domains.findRow(context.domain.uuid);
    if (row) await this.stop(row);
    const { memory } = start;
    if (memory?.mode === "internal")
      await this.#internal.apply(memory.disks, memory.snapshot, context);
    await this.#memory.restore(start, config, context);
  }

  /** Destroys the guest and waits until nobody has its images open. */
  async stop({ id }: XlListRow): Promise<void> {
    await this.domains.xl.destroy(id);
    await awaitQemuEnd(id);
  }

  /**
   * Throws unless the QEMU of a running guest can be asked to work on its images: when it does not
   * answer, or has one of them open twice.
   */
  async assertReachable({ domain }: OperationContext): Promise<void> {
    const row = await this.domains.findRow(domain.uuid);
    if (!row) return;
    const { definition } = await this.domains.find(domain.uuid);
    const [target] = await findOpenTwice(row.id, disksOfQemu(definition));
    if (target !== undefined)
      throw new DomsnapError("image-conflict", `QEMU has disk '${target}' open twice`, {
        hint: "Shut the domain down first: the guest has not let go of the emulated disk.",
      });
  }

  async merge(operation: OperationOf<"domain.merge">, context: OperationContext): Promise<void> {
    const row = await this.domains.findRow(context.domain.uuid);
    await this.#images.merge(this.#guest(row, context), operation, context);
  }

  async isMerged(
    operation: OperationOf<"domain.merge">,
    context: OperationContext,
  ): Promise<boolean> {
    const row = await this.domains.findRow(context.domain.uuid);
    return this.#images.isMerged(this.#guest(row, context), operation);
  }

  async remove(operation: OperationOf<"domain.remove">, context: OperationContext): Promise<void> {
    const row = await this.domains.findRow(context.domain.uuid);
    await this.#images.remove(this.#guest(row, context), operation, context);
  }

  async isRemoved(
    operation: OperationOf<"domain.remove">,
    context: OperationContext,
  ): Promise<boolean> {
    const row = await this.domains.findRow(context.domain.uuid);
    return this.#images.isRemoved(this.#guest(row, context), operation);
  }

  /** Of a guest that is paused, and stays so. */
  async #takeDisks(capture: Capture, row: XlListRow, context: OperationContext): Promise<void> {
    if (capture.disks.length === 0) return;
    const { report: _own, ...quiet } = context;
    const guest = this.#guest(row, context);
    // First what libxl has stored: an overlay that nothing was written to shows the image below,
    // so that a reboot at any moment finds the guest's disks as they were.
    await guest.follow?.(movesOf(capture));
    await this.#disks.take(guest, { ...withoutMemory(capture), resume: false }, quiet);
  }

  /** To be called before a guest is paused that is to go on. */
  async #watch(row: XlListRow, { domain }: OperationContext): Promise<Writable | undefined> {
    const watch = this.#watches.of(domain.uuid);
    await watch.begin({ unpause: { id: row.id, sleepers: watchersOf(row.id) } });
    return watch.pipe;
  }

  #endWatch({ uuid }: OperationContext["domain"]): Promise<void> {
    return this.#watches.of(uuid).end("unpause");
  }

  #takePause({ uuid }: OperationContext["domain"]): number | undefined {
    const pausedAtMs = this.#pausedAtMs.get(uuid);
    this.#pausedAtMs.delete(uuid);
    return pausedAtMs;
  }

  #guest(row: XlListRow | undefined, context: OperationContext): LiveGuest {
    const folder = `${this.stateFolder}/${context.domain.uuid}`;
    if (!row) return noMonitor(folder);
    const { xl } = this.domains;
    return monitorOf(row.id, folder, {
      processors: {
        stop: () => xl.pause(row.id, { keepsOpen: this.#watches.of(context.domain.uuid).pipe }),
        resume: () => xl.unpause(row.id),
      },
      guard: {
        begin: async () => void (await this.#watch(row, context)),
        // Whoever watches could not tell Xen of the image that the next reboot finds.
        changeOver: () => this.#watches.of(context.domain.uuid).suspend("unpause"),
        end: () => this.#endWatch(context.domain),
      },
      follow: (moves) => storedConfig(row, context).move(moves),
    });
  }

  async #existing({ domain }: OperationContext): Promise<XlListRow> {
    const row = await this.domains.findRow(domain.uuid);
    if (!row || row.state.shutdown || row.state.dying)
      throw new DomsnapError("operation-invalid", "domain is not running");
    return row;
  }
}

/** The memory of a guest is nobody's but root's. */
function begin({ path, before }: MemoryFile, evidence: Evidence): Promise<NewFile> {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return beginFile(path, before, { owner }, evidence);
}

function continueMemory({ path, before }: MemoryFile, evidence: Evidence): Promise<NewFile> {
  return continueFile(path, before, evidence);
}

function storedConfig({ id }: XlListRow, { domain }: OperationContext): StoredConfig {
  return new StoredConfig({ id, uuid: domain.uuid });
}

/** The disks that go on in overlays. */
function movesOf({ disks }: Capture): ImageMove[] {
  return disks.flatMap((step) =>
    step.keeps === "overlay" ? [{ target: step.target, from: step.image, to: step.overlay }] : [],
  );
}

function backwards({ target, from, to }: ImageMove): ImageMove {
  return { target, from: to, to: from };
}

function withoutMemory({ memory: _memory, ...capture }: Capture): Capture {
  return capture;
}
