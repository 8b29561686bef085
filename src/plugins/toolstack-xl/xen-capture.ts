import { join } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import type { DomainDefinition } from "../../core/model/index.js";
import type { Capture, OperationOf, StartMemory } from "../../core/plan/operation.js";
import type { OperationContext } from "../../core/ports/index.js";
import { assertRoom, unlinkDurably } from "../lib/durable-files.js";
import { InternalSnapshots } from "../lib/internal-snapshots.js";
import { GuestCapture, GuestImages } from "../lib/live/index.js";
import { beginFile, unmakeFile, type FileBefore } from "../lib/new-file.js";
import { probeFile } from "../lib/probe-file.js";
import { QemuImg } from "../lib/qemu-img.js";
import { ensureStateFolder } from "../lib/state-files.js";
import {
  assertCompleteSaveFile,
  changeConfigDisks,
  rewriteSaveFile,
  type DiskChange,
} from "../lib/xen-save-file/index.js";
import { parseLibxlConfig, type LibxlConfig, type XlListRow } from "../lib/xl/index.js";
import { XL_DISK_FORMATS } from "../lib/xl-disk/xl-disk.js";
import { awaitQemuEnd, monitorOf, noMonitor } from "./xen-guest-monitor.js";
import type { XenDomains } from "./xen-domains.js";

const PAGE_BYTES = 4096;
/** Xen's stream has tables beside the pages. */
const MEMORY_MARGIN = 1.1;

/** A memory file with another header, while xl reads it; no snapshot can have this name. */
const RESTORED_FILE = ".restore";

interface Restore {
  readonly memory: StartMemory;
  readonly definition?: DomainDefinition;
}

interface MemoryFile {
  readonly path: string;
  readonly before: FileBefore;
}

/**
 * Takes running guests at one instant: the memory by xl, which leaves the guest paused, then the
 * disks by QEMU in one transaction, then the guest goes on. The kernel's disks are not QEMU's and
 * cannot be taken.
 */
export class XenCapture {
  readonly #disks = new GuestCapture();
  readonly #images = new GuestImages();
  readonly #internal = new InternalSnapshots(new QemuImg());

  constructor(
    private readonly domains: XenDomains,
    private readonly stateFolder: string,
  ) {}

  async prepare(capture: Capture, context: OperationContext): Promise<void> {
    if (capture.disks.some(({ mode }) => mode === "external"))
      throw new DomsnapError(
        "operation-unsupported",
        "a running guest of Xen cannot be moved to overlays: libxl would go on naming its old images",
        { hint: "Ask for internal snapshots, or shut the domain down first." },
      );
    const row = await this.#existing(context);
    if (capture.memory) await this.#prepareMemory(capture, row, context);
    await this.#disks.prepare(this.#guest(row, context), withoutMemory(capture), context);
  }

  async undoPrepare(capture: Capture, context: OperationContext): Promise<void> {
    const row = await this.domains.findRow(context.domain.uuid);
    await this.#disks.undoPrepare(this.#guest(row, context), withoutMemory(capture));
  }

  isPrepared(capture: Capture): Promise<boolean> {
    return this.#disks.isPrepared(withoutMemory(capture));
  }

  /** The guest goes on whatever happens, if it is to. */
  async take(capture: Capture, context: OperationContext): Promise<void> {
    const row = await this.#existing(context);
    const beganMs = performance.now();
    try {
      const bytesWritten = await this.#freeze(capture, row, context);
      if (capture.resume) await this.domains.xl.unpause(row.id);
      context.report?.({
        pauseMs: performance.now() - beganMs,
        bytesWritten,
        consistency: capture.memory ? "memory" : "crash-consistent",
      });
    } catch (thrown) {
      if (capture.resume && (await this.domains.xl.find(row.id)))
        await this.domains.xl.unpause(row.id);
      throw thrown;
    }
  }

  /** Deletes what was taken, and lets the guest go on. */
  async undo(capture: Capture, context: OperationContext): Promise<void> {
    const row = await this.domains.findRow(context.domain.uuid);
    await this.#disks.undo(this.#guest(row, context), withoutMemory(capture), context);
    const memory = this.#memoryOf(capture, context);
    if (memory) await unmakeFile(memory.path, memory.before);
    if (row && capture.resume) await this.domains.xl.unpause(row.id);
  }

  async isTaken(capture: Capture, context: OperationContext): Promise<boolean> {
    const memory = this.#memoryOf(capture, context);
    if (memory && probeFile(memory.path).kind !== "regular") return false;
    const row = await this.domains.findRow(context.domain.uuid);
    return this.#disks.isTaken(this.#guest(row, context), withoutMemory(capture));
  }

  /**
   * Makes the guest anew from its memory and leaves it paused; one that runs is given up. All that
   * can be looked at is looked at before. The guest comes up on the images of `definition`, or on
   * those that it was saved with.
   */
  async restore({ memory, definition }: Restore, context: OperationContext): Promise<void> {
    const { domain } = context;
    const file =
      memory.mode === "external" ? memory.file : this.#managedFile(memory.snapshot, context);
    const config = parseLibxlConfig((await assertCompleteSaveFile(file)).config);
    if (config.c_info.uuid !== domain.uuid || config.c_info.name !== domain.name)
      throw new DomsnapError(
        "config-unsupported",
        `memory file '${file}' is that of domain '${config.c_info.name}' (${config.c_info.uuid ?? "no uuid"})`,
      );
    const moved = movedDisks(config, definition);
    assertImages(config, moved);
    const row = await this.domains.findRow(domain.uuid);
    if (row) await this.stop(row);
    if (memory.mode === "internal")
      await this.#internal.apply(memory.disks, memory.snapshot, context);
    await this.#restoreWith(file, moved, context);
  }

  async #restoreWith(
    file: string,
    moved: readonly DiskChange[],
    context: OperationContext,
  ): Promise<void> {
    const { xl } = this.domains;
    if (moved.length === 0) {
      await xl.restorePaused(file, context.domain.name);
      return;
    }
    const rewritten = join(this.#folder(context), RESTORED_FILE);
    await ensureStateFolder(this.#folder(context));
    await unlinkDurably(rewritten);
    try {
      const change = (json: string) => changeConfigDisks(json, moved);
      await rewriteSaveFile(file, rewritten, change, context.signal);
      await xl.restorePaused(rewritten, context.domain.name);
    } finally {
      await unlinkDurably(rewritten);
    }
  }

  /** Destroys the guest and waits until nobody has its images open. */
  async stop({ id }: XlListRow): Promise<void> {
    await this.domains.xl.destroy(id);
    await awaitQemuEnd(id);
  }

  async remove(operation: OperationOf<"domain.remove">, context: OperationContext): Promise<void> {
    const row = await this.domains.findRow(context.domain.uuid);
    await this.#images.remove(this.#guest(row, context), operation, context);
    await unlinkDurably(this.#managedFile(operation.snapshot, context));
  }

  async isRemoved(
    operation: OperationOf<"domain.remove">,
    context: OperationContext,
  ): Promise<boolean> {
    const memory = probeFile(this.#managedFile(operation.snapshot, context)).kind;
    const row = await this.domains.findRow(context.domain.uuid);
    return (
      memory === "absent" && (await this.#images.isRemoved(this.#guest(row, context), operation))
    );
  }

  /** Memory and disks; how many bytes of memory were written. */
  async #freeze(capture: Capture, row: XlListRow, context: OperationContext): Promise<number> {
    const { report: _own, ...quiet } = context;
    const takeDisks = () =>
      this.#disks.take(
        this.#guest(row, context),
        { ...withoutMemory(capture), resume: false },
        quiet,
      );
    const memory = this.#memoryOf(capture, context);
    if (!memory) {
      await this.domains.xl.pause(row.id);
      await takeDisks();
      return 0;
    }
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const file = await beginFile(memory.path, memory.before, { owner });
    try {
      const onOutput = (text: string) => {
        tellProgress(text, context);
      };
      await this.domains.xl.saveAndPause(row.id, file.partial, { onOutput });
      await assertCompleteSaveFile(file.partial);
      await takeDisks();
      await file.publish();
    } finally {
      await file.discard();
    }
    const written = probeFile(memory.path);
    return written.kind === "regular" ? written.sizeBytes : 0;
  }

  async #prepareMemory(capture: Capture, row: XlListRow, context: OperationContext): Promise<void> {
    if (row.state.paused)
      throw new DomsnapError(
        "operation-invalid",
        `Domain '${row.name}' has to be running because libxenlight will suspend it`,
        { hint: "Resume the domain first, or take its disks only (--disk-only)." },
      );
    await ensureStateFolder(this.#folder(context));
    const memory = this.#memoryOf(capture, context);
    const { definition } = await this.domains.find(context.domain.uuid);
    const bytes = Math.ceil(Number(definition.memoryKib) * 1024 * MEMORY_MARGIN);
    if (memory) await assertRoom([{ path: memory.path, bytes }]);
  }

  #memoryOf({ memory, snapshot }: Capture, context: OperationContext): MemoryFile | undefined {
    if (!memory) return undefined;
    return memory.mode === "external"
      ? { path: memory.file, before: memory.fileBefore }
      : { path: this.#managedFile(snapshot, context), before: "absent" };
  }

  /** Where memory is kept that no document names a file for; the place is the RFC's. */
  #managedFile(snapshot: string, context: OperationContext): string {
    return join(this.#folder(context), `${snapshot}.save`);
  }

  #folder({ domain }: OperationContext): string {
    return join(this.stateFolder, domain.uuid);
  }

  #guest(row: XlListRow | undefined, context: OperationContext) {
    const folder = this.#folder(context);
    return row ? monitorOf(row.id, folder) : noMonitor(folder);
  }

  async #existing({ domain }: OperationContext): Promise<XlListRow> {
    const row = await this.domains.findRow(domain.uuid);
    if (!row || row.state.shutdown || row.state.dying)
      throw new DomsnapError("operation-invalid", "domain is not running");
    return row;
  }
}

/** The disks that are to come up on other images than those that the guest was saved with. */
function movedDisks(config: LibxlConfig, definition: DomainDefinition | undefined): DiskChange[] {
  return (definition?.disks ?? []).flatMap(({ target, source, format }) => {
    const saved = config.disks.find(({ vdev }) => vdev === target);
    const path = source?.path;
    if (!saved || path === undefined || saved.pdev_path === path) return [];
    const known = XL_DISK_FORMATS.find((candidate) => candidate === format) ?? "raw";
    return [{ vdev: target, path, format: known }];
  });
}

/** xl restores a guest without the disks whose images it does not find, and says nothing. */
function assertImages({ disks }: LibxlConfig, moved: readonly DiskChange[]): void {
  for (const { vdev, pdev_path: saved = "" } of disks) {
    const path = moved.find((disk) => disk.vdev === vdev)?.path ?? saved;
    if (path !== "" && probeFile(path).kind === "absent")
      throw new DomsnapError("image-missing", `missing image '${path}' of disk '${vdev}'`);
  }
}

function withoutMemory({ memory: _memory, ...capture }: Capture): Capture {
  return capture;
}

/** xl tells pages: `xc: progress: Frames: 2048/32768    6%`. */
function tellProgress(text: string, { progress }: OperationContext): void {
  const [, done, total] = [...text.matchAll(/Frames: (\d+)\/(\d+)/g)].at(-1) ?? [];
  if (done === undefined) return;
  progress({
    bytesDone: Number(done) * PAGE_BYTES,
    bytesTotal: Number(total) * PAGE_BYTES,
    subject: "memory",
  });
}
