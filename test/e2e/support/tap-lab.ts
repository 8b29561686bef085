import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openSnapshotService } from "../../../src/container.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import type { DomainDefinition } from "../../../src/core/model/index.js";
import { readAsGuest, writeAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { makeDynamic } from "../../formats/vhd/support/vhd-images.js";
import { runDomsnap, tryDomsnap, type CliResult } from "./run-domsnap.js";

/** Ends inside a block. */
const DISK_BYTES = 5 * 1024 * 1024 + 512;
const WRITE_BYTES = 64 * 512;

/** Hashes of what the guest would read from each disk. */
export type TapContents = Readonly<Record<string, string>>;

/**
 * A Xen guest that is off, with two VHD disks (xvda, xvdb) and a raw one (xvdc) that tapdisk would
 * serve, driven through the installed command line and looked at by a reader of its own.
 */
export class TapLab {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-tap-"));
  readonly images = join(this.folder, "images");
  readonly #definitions = join(this.folder, "domains");
  readonly uri = `file://${this.#definitions}`;

  static async create(): Promise<TapLab> {
    const lab = new TapLab();
    mkdirSync(lab.#definitions);
    mkdirSync(lab.images);
    await makeDynamic(lab.path("a.vhd"), DISK_BYTES);
    await makeDynamic(lab.path("b.vhd"), DISK_BYTES);
    writeFileSync(lab.path("c.img"), randomBytes(DISK_BYTES));
    await (await lab.service()).registry?.define(lab.#domainXml());
    return lab;
  }

  path(name: string): string {
    return join(this.images, name);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  domsnap(...args: string[]): string {
    return runDomsnap(this.uri, args);
  }

  try(...args: string[]): CliResult {
    return tryDomsnap(this.uri, args);
  }

  /** What the guest would do while it runs: a part of each disk, some of it never written before. */
  async write(byte: number): Promise<void> {
    for (const disk of Object.values(await this.active())) {
      const offset = ((byte * 37) % 150) * WRITE_BYTES;
      writeAsGuest(disk.path, disk.format, offset, Buffer.alloc(WRITE_BYTES, byte));
      const lastSector = DISK_BYTES - 512;
      writeAsGuest(disk.path, disk.format, lastSector, Buffer.alloc(512, byte));
    }
  }

  /** The images that the guest would open now. */
  async active(): Promise<Record<string, DiskImage>> {
    const { definition } = await (await this.service()).findDomain("xenguest");
    return imagesOf(definition);
  }

  async contents(): Promise<TapContents> {
    return hashAll(await this.active());
  }

  /** What a snapshot holds, read from where its record says. */
  async contentsOf(name: string): Promise<TapContents> {
    const { domain } = await (await this.service()).get("xenguest", name);
    if (!domain) throw new Error(`snapshot '${name}' has no domain`);
    return hashAll(imagesOf(domain));
  }

  imageFiles(): string[] {
    return readdirSync(this.images).sort();
  }

  service(): Promise<SnapshotService> {
    return openSnapshotService(this.uri);
  }

  #domainXml(): string {
    const disk = (target: string, type: string, file: string) =>
      `<disk type='file' device='disk'><driver name='tap' type='${type}'/>` +
      `<source file='${this.path(file)}'/><target dev='${target}' bus='xen'/></disk>`;
    return (
      "<domain type='xen'><name>xenguest</name><memory unit='KiB'>65536</memory>" +
      "<os><type>linux</type><kernel>/boot/vmlinuz</kernel></os><devices>" +
      disk("xvda", "vhd", "a.vhd") +
      disk("xvdb", "vhd", "b.vhd") +
      disk("xvdc", "aio", "c.img") +
      "</devices></domain>"
    );
  }
}

interface DiskImage {
  readonly path: string;
  readonly format: string;
}

function imagesOf(definition: DomainDefinition): Record<string, DiskImage> {
  return Object.fromEntries(
    definition.disks.map(({ target, source, format }) => [
      target,
      { path: source?.path ?? "", format: format ?? "raw" },
    ]),
  );
}

function hashAll(images: Record<string, DiskImage>): TapContents {
  return Object.fromEntries(
    Object.entries(images).map(([target, { path, format }]) => [
      target,
      createHash("sha256").update(readAsGuest(path, format)).digest("hex"),
    ]),
  );
}
