import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { openSnapshotService } from "../../../src/container.js";
import type { DomainSnapshot } from "../../../src/core/model/index.js";
import type { ImportRequest, ImportResult } from "../../../src/core/operations/shared/results.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import { formatMetadata } from "../../../src/xml/libvirt-metadata.js";
import { parseDomain } from "../../../src/xml/index.js";

export const UUID = "11111111-1111-4111-8111-111111111111";

/** A folder with a connection of our own, and room for sources and images. */
export class ImportLab {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-import-"));
  readonly connection = join(this.folder, "connection");
  readonly uri = pathToFileURL(this.connection).href;
  #service: Promise<SnapshotService> | undefined;

  constructor() {
    mkdirSync(this.connection);
  }

  service(): Promise<SnapshotService> {
    return (this.#service ??= openSnapshotService(this.uri));
  }

  async define(xml = domainXml(this.folder)): Promise<void> {
    await (await this.service()).registry?.define(xml);
  }

  async import(source: string, more: Partial<ImportRequest> = {}): Promise<ImportResult> {
    return (await this.service()).import({ source, ...more });
  }

  /** Makes a folder as libvirt's driver has it, and returns its path. */
  metadata(files: Readonly<Record<string, string>>, name = "source"): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    return folder;
  }

  async tree(): Promise<Record<string, string | undefined>> {
    const { heads } = await (await this.service()).list(UUID);
    return Object.fromEntries(heads.map(({ name, parent }) => [name, parent]));
  }

  async current(): Promise<string | undefined> {
    return (await (await this.service()).list(UUID)).current;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function domainXml(
  folder: string,
  { name = "vm1", uuid = UUID, type = "qemu", disks = ["vda"] } = {},
): string {
  const devices = disks.map(
    (target) =>
      `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>` +
      `<source file='${folder}/${target}.qcow2'/><target dev='${target}' bus='virtio'/></disk>`,
  );
  return (
    `<domain type='${type}'><name>${name}</name><uuid>${uuid}</uuid><memory unit='MiB'>32</memory>` +
    `<os><type arch='x86_64'>hvm</type></os><devices>${devices.join("")}</devices></domain>`
  );
}

/** A record of an internal snapshot of `domainXml`. */
export function sample(name: string, more: Partial<DomainSnapshot> = {}): DomainSnapshot {
  const domain = more.domain ?? parseDomain(domainXml("/nowhere"));
  return {
    name,
    state: "shutoff",
    creationTime: 1_700_000_000n,
    memory: { mode: "no" },
    disks: domain.disks.map(({ target }) => ({ name: target, type: "file", mode: "internal" })),
    domain,
    ...more,
  };
}

export function metadata(
  name: string,
  more: Partial<DomainSnapshot> = {},
  current = false,
): string {
  return formatMetadata(sample(name, more), current);
}

export function outcomes({ entries }: ImportResult): Record<string, string> {
  return Object.fromEntries(entries.map(({ name, origin, outcome }) => [name ?? origin, outcome]));
}

export function detailsOf({ entries }: ImportResult, name: string): string {
  return entries
    .filter((entry) => entry.name === name || entry.origin.endsWith(name))
    .flatMap(({ details }) => details)
    .join("; ");
}

export function qemuImg(...args: string[]): string {
  return execFileSync("qemu-img", args, { encoding: "utf8" });
}

export function fill(path: string, byte: number, format = "qcow2"): void {
  execFileSync("qemu-io", ["-f", format, "-c", `write -q -P ${String(byte)} 0 65536`, path]);
}

/** Hash of what a guest reads from an image. */
export function contentOf(path: string, format = "qcow2"): string {
  const flat = `${path}.flat`;
  try {
    qemuImg("convert", "-f", format, "-O", "raw", path, flat);
    return createHash("sha256").update(readFileSync(flat)).digest("hex");
  } finally {
    rmSync(flat, { force: true });
  }
}
