import { DomsnapError } from "../../core/errors/index.js";
import type {
  Capture,
  MergeStep,
  SnapshotInside,
  SnapshotOverlay,
} from "../../core/model/index.js";
import type { Evidence, OperationContext } from "../../core/ports/index.js";
import { assertSafeChain } from "../backing-chain.js";
import { readCopySource } from "../../host/copy-file.js";
import { everyAsync } from "../../host/every-async.js";
import { InternalSnapshots } from "../internal-snapshots.js";
import { OverlayMerger } from "../merge-overlay.js";
import { beginFile, isMade, unmakeFile, type NewFile } from "../../host/new-file.js";
import { OverlayFiles, type OverlayStep } from "../overlay-files.js";
import { probeFile } from "../../host/probe-file.js";
import { QemuImg } from "../../clients/qemu-img.js";
import {
  attachOverlay,
  dropMemorySocket,
  openMemorySink,
  queryBlockGraph,
  runTransaction,
  takeInternalSnapshot,
  waitForEarlierMigration,
  type MemorySink,
  type QmpClient,
} from "../../clients/qmp/index.js";
import { findLiveDisks, type LiveDisk } from "./find-live-disks.js";
import { disksWith, removeInternal, saveInternal, vmStateBytes } from "./internal-live.js";
import { formatNodeOf, goOn, imageIdentity, isRunning, type LiveGuest } from "./live-guest.js";
import { isBegun, mayGoOn, mergeOpenOverlays } from "./merge-live.js";
import { closeImage, isInChain, openOverlay } from "./overlay-nodes.js";
import { watchDowntime } from "./downtime-watch.js";
import { saveMemory } from "./save-memory.js";

/** Takes snapshots of guests that QEMU runs; see `domain.prepare-capture` and `domain.capture`. */
export class GuestCapture {
  readonly #overlays: OverlayFiles;
  readonly #merger: OverlayMerger;
  readonly #internal: InternalSnapshots;

  constructor(private readonly qemuImg = new QemuImg()) {
    this.#overlays = new OverlayFiles(qemuImg);
    this.#merger = new OverlayMerger(qemuImg, []);
    this.#internal = new InternalSnapshots(qemuImg);
  }

  /** Makes overlays and opens them beside the guest's images. */
  async prepare(guest: LiveGuest, capture: Capture, context: OperationContext): Promise<void> {
    assertPreparable(capture);
    for (const step of externalOf(capture))
      await this.#overlays.assertPossible(overlayStep(step), context.evidence, { shared: true });
    for (const { image } of internalOf(capture)) await assertSafeChain(image);
    await guest.withMonitor(async (client) => {
      const disks = await findDisks(client, capture);
      await assertTagIsFree(client, capture);
      for (const step of externalOf(capture)) {
        await this.#overlays.make(overlayStep(step), context);
        const disk = disks.get(step.target);
        if (disk) await openOverlay(client, disk, step.overlay);
      }
    });
  }

  async undoPrepare(
    guest: LiveGuest,
    capture: Capture,
    { evidence }: OperationContext,
  ): Promise<void> {
    const external = await this.#madeOf(capture, evidence);
    if (guest.alive && external.length > 0)
      await guest.withMonitor(async (client) => {
        for (const { overlay } of external)
          if (!(await closeImage(client, overlay.path)))
            throw new DomsnapError("image-in-use", `QEMU still has image '${overlay.path}' open`);
      });
    for (const step of externalOf(capture))
      await this.#overlays.takeBack(overlayStep(step), evidence);
  }

  isPrepared(capture: Capture, { evidence }: OperationContext): Promise<boolean> {
    return everyAsync(externalOf(capture), (step) =>
      this.#overlays.isMade(overlayStep(step), evidence),
    );
  }

  /**
   * The one instant. `pausedAtUs`: since when the guest is paused for this. The guest goes on
   * whatever happens, unless its monitor is lost: then `undo` sees to it.
   */
  async take(
    guest: LiveGuest,
    capture: Capture,
    context: OperationContext,
    pausedAtUs?: number,
  ): Promise<void> {
    const memory = capture.memory?.mode === "external" ? capture.memory : undefined;
    if (!memory) return this.#take(guest, capture, context, { pausedAtUs });
    const { evidence } = context;
    const owner = await ownerOf(capture);
    const file = await beginFile(memory.file, memory.before, { owner }, evidence);
    const sink = await openMemorySink(file.partial, memorySocketOf(guest, evidence));
    try {
      await this.#take(guest, capture, context, { pausedAtUs, sink, file });
    } finally {
      await sink.close();
      await file.discard();
    }
  }

  async #take(
    guest: LiveGuest,
    capture: Capture,
    context: OperationContext,
    {
      pausedAtUs,
      sink,
      file,
    }: {
      readonly pausedAtUs?: number | undefined;
      readonly sink?: MemorySink;
      readonly file?: NewFile;
    },
  ): Promise<void> {
    const measured = await guest.withMonitor(async (client) => {
      const disks = await findDisks(client, capture);
      const takeDisks = await diskTransaction(client, capture, disks);
      const running = capture.resume && (pausedAtUs !== undefined || (await isRunning(client)));
      const watch = watchDowntime(client, pausedAtUs);
      if (sink && running) await guest.guard?.begin({ saving: true });
      try {
        if (sink) await saveMemory(client, { ...capture, sink, running, takeDisks }, context);
        else if (capture.memory)
          await saveInternal(client, capture.disks, capture.snapshot, progressOf(context));
        else await takeDisks();
      } finally {
        await goOn(guest, client, capture.resume);
      }
      const bytesWritten = capture.memory ? await vmStateBytes(client, capture.snapshot) : 0;
      return { downtimeMs: watch.downtimeMs, bytesWritten };
    });
    const memoryBytes = await sink?.finish();
    await file?.publish();
    context.report?.({
      downtimeMs: measured.downtimeMs,
      bytesWritten: memoryBytes ?? measured.bytesWritten,
    });
  }

  /** Merges attached overlays back, deletes what was saved, and lets the guest go on. */
  async undo(guest: LiveGuest, capture: Capture, context: OperationContext): Promise<void> {
    if (guest.alive)
      await guest.withMonitor((client) => this.#undoLive(guest, client, capture, context));
    else {
      await guest.guard?.end();
      await this.#undoOffline(capture, context);
    }
    const { memory } = capture;
    if (memory?.mode !== "external") return;
    await unmakeFile(memory.file, memory.before, context.evidence);
    await dropMemorySocket(memorySocketOf(guest, context.evidence));
  }

  async #undoLive(
    guest: LiveGuest,
    client: QmpClient,
    capture: Capture,
    context: OperationContext,
  ): Promise<void> {
    await waitForEarlierMigration(client);
    const merges = await attachedOf(client, capture);
    try {
      await removeInternal(client, internalOf(capture), capture.snapshot);
      const options = { resume: capture.resume, qemuImg: this.qemuImg };
      await mergeOpenOverlays(guest, client, merges, options, context);
    } finally {
      if (await everyAsync(merges, (step) => mayGoOn(client, step, context)))
        await goOn(guest, client, capture.resume);
    }
  }

  /** QEMU has died: what the guest wrote to an overlay goes into its image. */
  async #undoOffline(capture: Capture, context: OperationContext): Promise<void> {
    for (const step of await this.#madeOf(capture, context.evidence))
      await this.#merger.merge(mergeStep(step), context);
    for (const step of internalOf(capture))
      if (await this.#internal.isHeld(step, capture.snapshot))
        await this.#internal.remove(step, capture.snapshot, context);
  }

  async #madeOf(capture: Capture, evidence: Evidence): Promise<SnapshotOverlay[]> {
    const made: SnapshotOverlay[] = [];
    for (const step of externalOf(capture))
      if (await this.#overlays.isMade(overlayStep(step), evidence)) made.push(step);
    return made;
  }

  async isTaken(
    guest: LiveGuest,
    capture: Capture,
    { evidence }: OperationContext,
  ): Promise<boolean> {
    const { memory } = capture;
    if (memory?.mode === "external" && !(await isMade(memory.file, evidence))) return false;
    if (!guest.alive) return false;
    return guest.withMonitor(async (client) => {
      const internal = internalOf(capture);
      const held = await disksWith(client, internal, capture.snapshot);
      return (
        held.length === internal.length &&
        (await everyAsync(externalOf(capture), ({ overlay }) => isInChain(client, overlay.path)))
      );
    });
  }
}

function assertPreparable({ disks, memory }: Capture): void {
  if (disks.some((step) => step.keeps === "overlay" && step.before === "reused"))
    throw new DomsnapError(
      "operation-unsupported",
      "overlays that exist already cannot be given to a running guest",
      { hint: "Leave --reuse-external out, or shut the domain down first." },
    );
  if (memory?.mode !== "external") return;
  const fact = probeFile(memory.file);
  const vacant = fact.kind === "absent" || (fact.kind === "regular" && fact.sizeBytes === 0);
  if (!vacant)
    throw new DomsnapError("image-conflict", `file '${memory.file}' already exists`, {
      hint: "Remove it, or name another file for the memory.",
    });
}

async function findDisks(client: QmpClient, { disks }: Capture): Promise<Map<string, LiveDisk>> {
  const graph = await queryBlockGraph(client);
  const found = findLiveDisks(graph, disks, imageIdentity);
  return new Map(found.map((disk) => [disk.target, disk]));
}

async function assertTagIsFree(client: QmpClient, capture: Capture): Promise<void> {
  const [taken] = await disksWith(client, internalOf(capture), capture.snapshot);
  if (taken)
    throw new DomsnapError(
      "image-conflict",
      `image '${taken.image.path}' holds a snapshot '${capture.snapshot}' already`,
      { hint: "Choose another name." },
    );
}

/** All that has to be asked is asked here, before the guest is paused. */
async function diskTransaction(
  client: QmpClient,
  capture: Capture,
  disks: ReadonlyMap<string, LiveDisk>,
): Promise<() => Promise<void>> {
  const graph = await queryBlockGraph(client);
  const actions = capture.disks.map((step) => {
    const node = disks.get(step.target)?.node.name ?? "";
    return step.keeps === "overlay"
      ? attachOverlay(node, formatNodeOf(graph, step.overlay.path).name)
      : takeInternalSnapshot(node, capture.snapshot);
  });
  return async () => {
    if (actions.length > 0) await runTransaction(client, actions);
  };
}

function progressOf({ signal, progress }: OperationContext) {
  return {
    signal,
    onProgress: ({
      progressDone,
      progressTotal,
    }: {
      progressDone: number;
      progressTotal: number;
    }) => {
      progress({ bytesDone: progressDone, bytesTotal: progressTotal, subject: "memory" });
    },
  };
}

/** Where QEMU sends the guest's memory to: a name that no other plan uses. */
function memorySocketOf({ folder }: LiveGuest, { token }: Evidence): string {
  return `${folder}/memory-${token}`;
}

/** The memory belongs to whom the disks belong to. */
async function ownerOf({ disks }: Capture): Promise<{ uid: number; gid: number }> {
  const [first] = disks;
  return first
    ? readCopySource(first.image.path)
    : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}

function internalOf({ disks }: Capture): SnapshotInside[] {
  return disks.filter((step) => step.keeps === "inside");
}

function externalOf({ disks }: Capture): SnapshotOverlay[] {
  return disks.filter((step) => step.keeps === "overlay");
}

function overlayStep({ target, image, overlay, before }: SnapshotOverlay): OverlayStep {
  return { target, base: image, overlay, before };
}

/** Overlays that the guest is on, or comes back from. */
async function attachedOf(client: QmpClient, capture: Capture): Promise<MergeStep[]> {
  const attached: MergeStep[] = [];
  for (const step of externalOf(capture).map(mergeStep))
    if ((await isInChain(client, step.overlay.path)) || (await isBegun(client, step)))
      attached.push(step);
  return attached;
}

function mergeStep({ target, image, overlay }: SnapshotOverlay): MergeStep {
  return { target, base: image, overlay, relink: [], into: "base" };
}
