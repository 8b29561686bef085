import { execFileSync, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openSnapshotService } from "../../../src/container.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import type { DomainDefinition } from "../../../src/core/model/index.js";
import { ProgramServer } from "../../sweep/support/program-server.js";
import { runDomsnap, startDomsnap, tryDomsnap, type CliResult } from "./run-domsnap.js";

/** The content of all disks of a guest, as hashes of what the guest would read. */
export interface Contents {
  readonly vda: string;
  readonly vdb: string;
}

const IMAGE_BYTES = 1024 * 1024;
const REGION_BYTES = 64 * 1024;

type Target = keyof Contents;
type Image = { readonly path: string; readonly format: string };

/**
 * A guest that is off, in a folder of its own: a raw disk (vda), a qcow2 disk (vdb) and an empty
 * cdrom (hdc), driven through the installed command line and looked at with qemu-img.
 */
export class GuestLab {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-e2e-"));
  readonly definitions = join(this.folder, "domains");
  readonly uri = `file://${this.definitions}`;
  readonly raw = join(this.folder, "system.raw");
  readonly qcow2 = join(this.folder, "data.qcow2");
  readonly #saved = `${this.folder}.saved`;
  readonly #server = new ProgramServer();

  private constructor() {
    mkdirSync(this.definitions);
    writeFileSync(this.raw, "");
    truncateSync(this.raw, IMAGE_BYTES);
    qemuImg("create", "-q", "-f", "qcow2", this.qcow2, String(IMAGE_BYTES));
  }

  /** `rawDriver`: who serves the raw disk, QEMU or the kernel. */
  static async create({ rawDriver = "qemu" } = {}): Promise<GuestLab> {
    const lab = new GuestLab();
    await (await lab.service()).registry?.define(lab.#domainXml(rawDriver));
    return lab;
  }

  remove(): void {
    this.#server.stop();
    for (const folder of [this.folder, this.#saved])
      rmSync(folder, { recursive: true, force: true });
  }

  /** Keeps the guest as it is, with its snapshots, for `restore`. */
  save(): void {
    copyTree(this.folder, this.#saved);
  }

  /** Puts the guest back as it was at the last `save`. */
  restore(): void {
    copyTree(this.#saved, this.folder);
  }

  /**
   * As `domsnap`: the installed program, loaded anew, in a process that lasts. For tests of many
   * commands, of which the start of a process would be the greater part.
   */
  async run(...args: string[]): Promise<string> {
    const run = await this.#server.run(["-q", "-c", this.uri, ...args]);
    if (run.status !== 0)
      throw new Error(`domsnap ${args.join(" ")}: ${String(run.status)}\n${run.stderr}`);
    return run.stdout;
  }

  /** Runs a command that has to succeed; returns its standard output. */
  domsnap(...args: string[]): string {
    return runDomsnap(this.uri, args);
  }

  try(...args: string[]): CliResult {
    return tryDomsnap(this.uri, args);
  }

  /** Starts a command and does not wait for it. */
  start(...args: string[]): ChildProcess {
    return startDomsnap(this.uri, args);
  }

  /** Writes a document beside the images and returns its path. */
  document(name: string, disks: string): string {
    const file = join(this.folder, `${name}.document`);
    writeFileSync(
      file,
      `<domainsnapshot><name>${name}</name><disks>${disks}</disks></domainsnapshot>`,
    );
    return file;
  }

  /** What the guest would do while it runs: fills a part of each disk with one byte. */
  async write(byte: number): Promise<void> {
    const at = (byte % 8) * REGION_BYTES;
    for (const { path, format } of Object.values(await this.active()))
      if (format === "raw") writeBytes(path, Buffer.alloc(REGION_BYTES, byte), at);
      else execFileSync("qemu-io", ["-f", format, "-c", `write -q -P ${byte} ${at} 64k`, path]);
  }

  /** The images that the guest would open now. */
  async active(): Promise<Record<Target, Image>> {
    const { definition } = await (await this.service()).findDomain("guest");
    return imagesOf(definition);
  }

  async contents(): Promise<Contents> {
    const { vda, vdb } = await this.active();
    return { vda: hashOf(vda), vdb: hashOf(vdb) };
  }

  /** What a snapshot holds, read from where its record says, without reverting to it. */
  async contentsOf(name: string): Promise<Contents> {
    const record = await (await this.service()).get("guest", name);
    if (!record.domain) throw new Error(`snapshot '${name}' has no domain`);
    const images = imagesOf(record.domain);
    const content = (target: Target) => {
      const disk = record.disks.find((candidate) => candidate.name === target);
      if (disk?.mode === "internal") return hashOf({ ...images[target], tag: name });
      if (disk?.mode === "external" && disk.format === "raw")
        return hashOf({ path: disk.source?.path ?? "", format: "raw" });
      return hashOf(images[target]);
    };
    return { vda: content("vda"), vdb: content("vdb") };
  }

  /** The same connection as a library; for looking, so that tests do not wait for processes. */
  service(): Promise<SnapshotService> {
    return (this.#service ??= openSnapshotService(this.uri));
  }
  #service: Promise<SnapshotService> | undefined;

  #domainXml(rawDriver: string): string {
    const disk = (path: string, format: string, target: string, driver = "qemu") =>
      `<disk type='file' device='disk'><driver name='${driver}' type='${format}'/>` +
      `<source file='${path}'/><target dev='${target}' bus='virtio'/></disk>`;
    return (
      "<domain type='xen'><name>guest</name><memory unit='MiB'>64</memory>" +
      "<os><type>hvm</type></os><devices>" +
      disk(this.raw, "raw", "vda", rawDriver) +
      disk(this.qcow2, "qcow2", "vdb") +
      "<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/><readonly/></disk>" +
      "</devices></domain>"
    );
  }
}

function imagesOf({ disks }: DomainDefinition): Record<Target, Image> {
  const image = (target: Target) => {
    const disk = disks.find((candidate) => candidate.target === target);
    return { path: disk?.source?.path ?? "", format: disk?.format ?? "raw" };
  };
  return { vda: image("vda"), vdb: image("vdb") };
}

/** Hash of what a guest reads from an image, or from one internal snapshot of it. */
function hashOf({ path, format, tag }: Image & { readonly tag?: string }): string {
  // What a raw image holds is what it is.
  if (format === "raw") return hashOfFile(path);
  const flat = `${path}.flat`;
  const snapshot = tag === undefined ? [] : ["-l", `snapshot.name=${tag}`];
  try {
    qemuImg("convert", "-f", format, ...snapshot, "-O", "raw", path, flat);
    return hashOfFile(flat);
  } finally {
    rmSync(flat, { force: true });
  }
}

function hashOfFile(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

function writeBytes(path: string, bytes: Buffer, at: number): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, at);
  closeSync(file);
}

function copyTree(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  execFileSync("cp", ["-a", "--sparse=always", "--", from, to]);
}

export function qemuImg(...args: string[]): string {
  return execFileSync("qemu-img", args, { encoding: "utf8" });
}
