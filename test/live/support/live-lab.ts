import "reflect-metadata";

import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { openSnapshotService } from "../../../src/container.js";
import type { Domain } from "../../../src/core/model/index.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import { DefinitionFolder } from "../../../src/plugin-kit/definition-folder.js";
import type { Guest } from "../../../src/plugins/toolstack-qemu/guest.js";
import { QemuToolstack } from "../../../src/plugins/toolstack-qemu/qemu-toolstack.js";
import {
  readStamp,
  TinyConsole,
  tinyGuestXml,
  type TinyDisk,
} from "../../support/tiny-guest/tiny-guest.js";
import { BootedGuest } from "./booted-guest.js";
import { relayMonitor, type MonitorRelay } from "./monitor-relay.js";

export interface LabOptions {
  readonly disks: number;
  /** Formats by position; qcow2 where none is told. */
  readonly formats?: readonly TinyDisk["format"][];
  readonly words?: string;
  /** The last disk has a file system that the guest writes to, and its real agent runs. */
  readonly fileSystem?: boolean;
  /** Further elements below `<devices>`. */
  readonly devices?: string;
}

/** A folder with a real tiny guest, its disks, and a service on it. */
export class LiveLab {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), "domsnap-live-")));
  readonly uri = `qemu+dir://${this.folder}`;
  readonly disks: readonly TinyDisk[];
  readonly targets: readonly string[];
  service!: SnapshotService;
  #relay: MonitorRelay | undefined;

  private constructor({ disks, formats = [], fileSystem = false }: LabOptions) {
    this.targets = Array.from({ length: disks }, (_, i) => `vd${"abcdefghijklmnop".charAt(i)}`);
    this.disks = this.targets.map((target, index) => {
      const format = formats[index] ?? "qcow2";
      const path = join(this.folder, `${target}.${format}`);
      if (fileSystem && index === disks - 1) makeFileSystem(path, format);
      else execFileSync("qemu-img", ["create", "-q", "-f", format, path, "16M"]);
      return { path, format };
    });
  }

  /** The target of the disk with the file system. */
  get dataTarget(): string {
    return this.targets.at(-1) ?? "";
  }

  static async open(options: LabOptions): Promise<LiveLab> {
    const lab = new LiveLab(options);
    // What the guest was told to be written is on the disk, also when its QEMU is killed.
    const safe = (xml: string) =>
      xml.replaceAll("<driver name='qemu'", "<driver name='qemu' cache='writethrough'");
    const { fileSystem = false, devices = "" } = options;
    const words = `${options.words ?? ""}${fileSystem ? ` fs=${lab.dataTarget}` : ""}`;
    writeFileSync(
      join(lab.folder, "guest.xml"),
      safe(tinyGuestXml({ disks: lab.disks, words, devices, agent: fileSystem })),
    );
    lab.service = await openSnapshotService(lab.uri);
    return lab;
  }

  /** The guest as the toolstack sees it, read anew. */
  get guest(): Guest {
    return new QemuToolstack(this.uri, this.folder, new DefinitionFolder(this.folder)).findGuest(
      "guest",
    );
  }

  get console(): TinyConsole {
    return new TinyConsole(this.guest.run.console);
  }

  find(): Promise<Domain> {
    return this.service.findDomain("guest");
  }

  /** The images that the guest is on, by what QEMU and the stored definition say alike. */
  async presentImages(): Promise<string[]> {
    const { definition, inactiveDefinition } = await this.find();
    const paths = definition.disks.map(({ source }) => source?.path ?? "");
    const stored = (inactiveDefinition ?? definition).disks.map(({ source }) => source?.path ?? "");
    expect(stored).to.deep.equal(paths);
    return paths;
  }

  /** The guest goes on; it compares its disks with its memory at every step itself. */
  async expectHealthy(): Promise<void> {
    await this.steps(3);
    expect(this.console.torn).to.deep.equal([]);
    expect((await this.find()).state).to.equal("running");
  }

  /** Boots the guest and waits until it has stamped its disks a few times. */
  async boot(ticks = 2): Promise<void> {
    this.#closeRelay();
    await this.guest.start({ paused: false });
    await this.console.waitForTick(ticks);
  }

  /**
   * The guest runs as just after a boot, with disks as of then: much sooner than by a boot. It counts
   * on from that boot, and its console tells nothing of it. A guest that runs already is ended.
   */
  async wake(): Promise<void> {
    this.#closeRelay();
    if (this.guest.alive) await this.guest.stop();
    const booted = await BootedGuest.of(this.guest, this.disks, () => this.boot());
    await booted.start(this.guest, this.disks);
    await this.console.waitForTick(1);
  }

  /** Waits for some steps from now on: the guest runs. */
  async steps(count = 2): Promise<void> {
    await this.console.waitForTick(this.console.ticks + count);
  }

  /** A document with all disks in one mode; file names are generated. */
  document(
    name: string,
    options: { readonly mode?: string; readonly memory?: string } = {},
  ): string {
    const disks = this.targets.map(
      (target) => `<disk name='${target}' snapshot='${options.mode}'/>`,
    );
    const memory = options.memory === undefined ? "" : `<memory ${options.memory}/>`;
    const body = options.mode === undefined ? "" : `<disks>${disks.join("")}</disks>`;
    return `<domainsnapshot><name>${name}</name>${memory}${body}</domainsnapshot>`;
  }

  memoryFile(name: string): string {
    return join(this.folder, `${name}.memory`);
  }

  /** The stamps of the images that a definition names; only while nobody writes to them. */
  stamps(disks: readonly TinyDisk[] = this.disks): number[] {
    return disks.map(readStamp);
  }

  /** Stands between domsnap and the guest's QEMU from now on, until that ends. */
  async relay(): Promise<MonitorRelay> {
    return (this.#relay ??= await relayMonitor(this.guest.run.monitor));
  }

  async close(): Promise<void> {
    this.#closeRelay();
    await this.service.close();
    const { pid } = this.guest;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }

  #closeRelay(): void {
    this.#relay?.close();
    this.#relay = undefined;
  }
}

function makeFileSystem(path: string, format: TinyDisk["format"]): void {
  const raw = `${path}.ext4`;
  execFileSync("mke2fs", ["-q", "-t", "ext4", raw, "16M"]);
  execFileSync("qemu-img", ["convert", "-q", "-O", format, raw, path]);
  rmSync(raw);
}

/** What ext4 says of itself in an image: whether it was frozen, or in use. */
export function journalNeedsRecovery({ path, format }: TinyDisk): boolean {
  const raw = `${path}.look`;
  try {
    execFileSync("qemu-img", ["convert", "-q", "-U", "-f", format, "-O", "raw", path, raw]);
    return execFileSync("dumpe2fs", ["-h", raw], { encoding: "utf8", stdio: "pipe" }).includes(
      "needs_recovery",
    );
  } finally {
    rmSync(raw, { force: true });
  }
}

/** At one instant the stamps fall by one at most along the disks; see init.sh. */
export function isOneInstant(stamps: readonly number[]): boolean {
  const falling = stamps.every((stamp, index) => index === 0 || stamp <= (stamps[index - 1] ?? 0));
  return falling && (stamps[0] ?? 0) - (stamps.at(-1) ?? 0) <= 1;
}
