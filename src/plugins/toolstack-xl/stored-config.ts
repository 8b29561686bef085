import { join } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import type { ImageMove } from "../../qemu-images/live/index.js";
import { replaceFile } from "../../host/replace-file.js";
import { readStateFile } from "../../host/state-files.js";
import { changeConfigDisks, type DiskChange } from "../../formats/xen-save-file/index.js";
import {
  parseLibxlConfig,
  readXenstore,
  virtualDeviceNumber,
  withLibxlLock,
  writeXenstore,
} from "../../clients/xl/index.js";
import { moveCfgDisks, xlFormatOf } from "./move-disks.js";

const LIBXL_FOLDER = "/var/lib/xen";
const MAX_CONFIG_BYTES = 16 * 1024 * 1024;

/** Xenstore, as far as it is needed here. */
export interface XenstoreAccess {
  readonly read: (path: string) => Promise<string | undefined>;
  readonly write: (nodes: ReadonlyMap<string, string>) => Promise<void>;
}

/**
 * What libxl has stored about a running guest (Xen: libxl's userdata). `xl list -l`, `xl save`, a
 * migration and the guest's own reboot take its disks from there, and not from QEMU: when QEMU goes
 * on in an overlay this has to follow, else the next reboot opens the image below and leaves out
 * what was written since.
 */
export class StoredConfig {
  constructor(
    private readonly guest: { readonly id: number; readonly uuid: string },
    private readonly folder = LIBXL_FOLDER,
    private readonly xenstore: XenstoreAccess = { read: readXenstore, write: writeXenstore },
  ) {}

  /**
   * Moves the disks that are on `from` to `to`: in the configuration, in a text that
   * `xl config-update` left for the next reboot, and in xenstore. Others stay. Idempotent: each
   * file is replaced as a whole, and what has moved is not moved again. Throws `operation-failed`
   * when libxl keeps no configuration, `locked`, `system-error`, `tool-failed`.
   */
  async move(moves: readonly ImageMove[]): Promise<void> {
    if (moves.length === 0) return;
    await withLibxlLock(this.#path("l", "domain-userdata-lock"), async () => {
      const json = this.#readJson();
      const changes = moves.flatMap((move) => changeOf(json, move));
      if (changes.length > 0)
        await this.#write("libxl-json", `${changeConfigDisks(json, changes)}\0`);
      await this.#moveNextBoot(moves);
      await this.#moveInXenstore(moves);
    });
  }

  /** Whether every disk is on its `to`. Throws as `move`. */
  isMoved(moves: readonly ImageMove[]): boolean {
    const { disks } = parseLibxlConfig(this.#readJson());
    return moves.every(({ target, to }) =>
      disks.some(({ vdev, pdev_path: path }) => vdev === target && path === to.path),
    );
  }

  async #moveNextBoot(moves: readonly ImageMove[]): Promise<void> {
    const path = this.#path("d", "xl");
    const text = readStateFile(path, MAX_CONFIG_BYTES);
    if (text === undefined) return;
    const moved = moveCfgDisks(
      text,
      path,
      ({ vdev, target }) =>
        moves.find((move) => move.target === vdev && move.from.path === target)?.to,
    );
    if (moved !== text) await this.#write("xl", moved);
  }

  async #moveInXenstore(moves: readonly ImageMove[]): Promise<void> {
    const nodes = new Map<string, string>();
    for (const { target, from, to } of moves) {
      const device = `/libxl/${this.guest.id}/device/vbd/${virtualDeviceNumber(target) ?? ""}`;
      if ((await this.xenstore.read(`${device}/params`)) !== paramsOf(target, from)) continue;
      nodes.set(`${device}/params`, paramsOf(target, to));
      const backend = await this.xenstore.read(`${device}/backend`);
      if (backend !== undefined) nodes.set(`${backend}/params`, paramsOf(target, to));
    }
    await this.xenstore.write(nodes);
  }

  #readJson(): string {
    const path = this.#path("d", "libxl-json");
    const json = readStateFile(path, MAX_CONFIG_BYTES);
    if (json !== undefined) return json.replace(/\0+$/, "");
    throw new DomsnapError(
      "operation-failed",
      `libxl has no configuration of the guest: '${path}'`,
      {
        hint: "Shut the domain down first: its disks cannot be moved to other images while it runs.",
      },
    );
  }

  #write(kind: string, text: string): Promise<void> {
    return replaceFile(this.#path("d", kind), text, this.#path("n", kind));
  }

  #path(what: "d" | "n" | "l", kind: string): string {
    return join(this.folder, `userdata-${what}.${this.guest.id}.${this.guest.uuid}.${kind}`);
  }
}

/** The disk's entry, if it is on the old image. */
function changeOf(json: string, { target, from, to }: ImageMove): DiskChange[] {
  const isMine = ({ vdev, pdev_path: path }: { vdev: string; pdev_path?: string | undefined }) =>
    vdev === target && path === from.path;
  if (!parseLibxlConfig(json).disks.some(isMine)) return [];
  return [{ vdev: target, path: to.path, format: xlFormatOf(target, to.format) }];
}

/** As libxl writes it: `qcow2:/images/a`, and `aio:` for the raw format. */
function paramsOf(target: string, { path, format }: ImageMove["to"]): string {
  const word = xlFormatOf(target, format);
  return `${word === "raw" ? "aio" : word}:${path}`;
}
