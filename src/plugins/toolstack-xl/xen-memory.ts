import { join } from "node:path";
import type { Writable } from "node:stream";

import { DomsnapError } from "../../core/errors/index.js";
import type { Capture, DomainDefinition, FileBefore, OperationOf } from "../../core/model/index.js";
import type { OperationContext } from "../../core/ports/index.js";
import { assertRoom } from "../../host/durable-files.js";
import { beginFile } from "../../host/new-file.js";
import { probeFile } from "../../host/probe-file.js";
import { ensureStateFolder } from "../../host/state-files.js";
import {
  assertCompleteSaveFile,
  changeConfigDisks,
  renewGenerationId,
  rewriteSaveFile,
  type DiskChange,
} from "../../formats/xen-save-file/index.js";
import { parseLibxlConfig, type LibxlConfig, type XlListRow } from "../../clients/xl/index.js";
import { xlFormatOf } from "./move-disks.js";
import { unseenByXl } from "./watching-xl.js";
import type { XenDomains } from "./xen-domains.js";

const PAGE_BYTES = 4096;
/** Xen's stream has tables beside the pages. */
const MEMORY_MARGIN = 1.1;

/** A memory file with another header, while xl reads it; no snapshot can have this name. */
const RESTORED_FILE = ".restore";
/** The memory of a guest is nobody's but root's. */
const ROOT = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

export type MemoryRequest = Pick<Capture, "snapshot" | "memory">;
type Start = Pick<OperationOf<"domain.start">, "memory" | "definition">;

export interface MemoryFile {
  readonly path: string;
  readonly before: FileBefore;
}

/** Where memory is kept that no document names a file for; the place is the 2014 RFC's. */
export function managedMemoryFile(stateFolder: string, uuid: string, snapshot: string): string {
  return join(stateFolder, uuid, `${snapshot}.save`);
}

/** Memory of guests, in files that xl writes and reads. */
export class XenMemory {
  constructor(
    private readonly domains: XenDomains,
    private readonly stateFolder: string,
  ) {}

  /** Where a snapshot's memory goes; undefined when none is taken. */
  fileOf({ memory, snapshot }: MemoryRequest, context: OperationContext): MemoryFile | undefined {
    if (!memory) return undefined;
    return memory.mode === "external"
      ? { path: memory.file, before: memory.before }
      : { path: this.#managedFile(snapshot, context), before: "absent" };
  }

  /** Throws what can be told before the guest is touched: `operation-invalid`, `no-space`. */
  async prepare(request: MemoryRequest, row: XlListRow, context: OperationContext): Promise<void> {
    const file = this.fileOf(request, context);
    if (!file) return;
    if (row.state.paused)
      throw new DomsnapError(
        "operation-invalid",
        `Domain '${row.name}' has to be running because libxenlight will suspend it`,
        { hint: "Resume the domain first, or take its disks only (--disk-only)." },
      );
    await ensureStateFolder(this.#folder(context));
    const { definition } = await this.domains.find(context.domain.uuid);
    const bytes = Math.ceil(Number(definition.memoryKib) * 1024 * MEMORY_MARGIN);
    await assertRoom([{ path: file.path, bytes }]);
  }

  /**
   * Writes the memory and leaves the guest paused at that instant; gives the bytes written. When
   * this fails the guest goes on.
   */
  async save(
    path: string,
    { id }: XlListRow,
    { progress }: OperationContext,
    keepsOpen?: Writable,
  ): Promise<number> {
    const onOutput = (text: string) => {
      tellProgress(text, progress);
    };
    await unseenByXl(id, () => this.domains.xl.saveAndPause(id, path, { onOutput, keepsOpen }));
    await assertCompleteSaveFile(path);
    const written = probeFile(path);
    return written.kind === "regular" ? written.sizeBytes : 0;
  }

  /**
   * Throws what would keep a guest from coming up from its memory: a file that is not complete or
   * another domain's, an image that is gone. Gives the configuration that the guest was saved with.
   */
  async assertRestorable(start: Start, context: OperationContext): Promise<LibxlConfig> {
    const { domain } = context;
    const file = this.#savedFile(start, context);
    const config = parseLibxlConfig((await assertCompleteSaveFile(file)).config);
    if (config.c_info.uuid !== domain.uuid || config.c_info.name !== domain.name)
      throw new DomsnapError(
        "config-unsupported",
        `memory file '${file}' is that of domain '${config.c_info.name}' (${config.c_info.uuid ?? "no uuid"})`,
      );
    assertImages(config, movedDisks(config, start.definition));
    return config;
  }

  /**
   * Makes the guest anew from its memory and leaves it paused. It comes up on the images of
   * `definition`, or on those that it was saved with; an HVM guest that has a generation id gets
   * another one, so that it notices that time was turned back.
   */
  async restore(start: Start, config: LibxlConfig, context: OperationContext): Promise<void> {
    const { xl } = this.domains;
    const file = this.#savedFile(start, context);
    const moved = movedDisks(config, start.definition);
    const change = (json: string) => renewGenerationId(changeConfigDisks(json, moved));
    if (
      moved.length === 0 &&
      renewGenerationId(JSON.stringify(config)) === JSON.stringify(config)
    ) {
      await xl.restorePaused(file, context.domain.name);
      return;
    }
    await ensureStateFolder(this.#folder(context));
    const rewritten = await beginFile(
      join(this.#folder(context), RESTORED_FILE),
      "absent",
      { owner: ROOT },
      context.evidence,
    );
    try {
      await rewriteSaveFile(file, rewritten.partial, change, context.signal);
      await xl.restorePaused(rewritten.partial, context.domain.name);
    } finally {
      await rewritten.discard();
    }
  }

  #savedFile({ memory }: Start, context: OperationContext): string {
    if (memory?.mode === "external") return memory.file;
    return this.#managedFile(memory?.snapshot ?? "", context);
  }

  #managedFile(snapshot: string, { domain }: OperationContext): string {
    return managedMemoryFile(this.stateFolder, domain.uuid, snapshot);
  }

  #folder({ domain }: OperationContext): string {
    return join(this.stateFolder, domain.uuid);
  }
}

/** The disks that are to come up on other images than those that the guest was saved with. */
function movedDisks(config: LibxlConfig, definition: DomainDefinition | undefined): DiskChange[] {
  return (definition?.disks ?? []).flatMap(({ target, source, format }) => {
    const saved = config.disks.find(({ vdev }) => vdev === target);
    const path = source?.path;
    if (!saved || path === undefined || saved.pdev_path === path) return [];
    return [{ vdev: target, path, format: xlFormatOf(target, format) }];
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

/** xl tells pages: `xc: progress: Frames: 2048/32768    6%`. */
function tellProgress(text: string, progress: OperationContext["progress"]): void {
  const [, done, total] = [...text.matchAll(/Frames: (\d+)\/(\d+)/g)].at(-1) ?? [];
  if (done === undefined) return;
  progress({
    bytesDone: Number(done) * PAGE_BYTES,
    bytesTotal: Number(total) * PAGE_BYTES,
    subject: "memory",
  });
}
