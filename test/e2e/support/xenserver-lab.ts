import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { goldenSparse } from "../../formats/vhd/support/golden-vhd.js";
import { readAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { runDomsnap, tryDomsnap, type CliResult } from "./run-domsnap.js";

const MIB = 1024 * 1024;
const DISK_BYTES = 4 * MIB;
const GEOMETRY = 0x00780411;
const VHD_EPOCH = 946_684_800;

interface SrFile {
  readonly name: string;
  readonly parent?: string;
  readonly hidden?: boolean;
  /** What the guest wrote here: one byte over some sectors of a block. */
  readonly writes?: { readonly block: number; readonly sectors: number; readonly byte: number };
  /** Hours after some beginning. */
  readonly hour: number;
}

/**
 * Two disks of one guest as XenServer leaves them in a file repository: xvda was snapshot twice,
 * xvdb once. What is frozen is a hidden base copy, and both the disk and the snapshot are leaves on
 * it, of which the snapshot's is empty. All bytes are written down from the format's description.
 *
 *     base0 (hidden) <- base1 (hidden) <- active      xvda
 *           ^- snap0        ^- snap1
 *     other (hidden) <- second                        xvdb
 */
const FILES: readonly SrFile[] = [
  { name: "base0", hidden: true, hour: 0, writes: { block: 0, sectors: 100, byte: 1 } },
  { name: "snap0", parent: "base0", hour: 2 },
  {
    name: "base1",
    parent: "base0",
    hidden: true,
    hour: 2,
    writes: { block: 0, sectors: 9, byte: 2 },
  },
  { name: "snap1", parent: "base1", hour: 5 },
  { name: "active", parent: "base1", hour: 5, writes: { block: 1, sectors: 4096, byte: 3 } },
  { name: "other", hidden: true, hour: 0, writes: { block: 1, sectors: 7, byte: 4 } },
  { name: "second", parent: "other", hour: 3, writes: { block: 1, sectors: 3, byte: 5 } },
];

export class XenServerLab {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-sr-"));
  readonly #repository = join(this.folder, "sr");
  readonly #uri = `file://${join(this.folder, "domains")}`;

  constructor() {
    mkdirSync(this.#repository);
    mkdirSync(join(this.folder, "domains"));
    for (const file of FILES) writeFileSync(this.path(file.name), formatSrFile(file));
    const definition = join(this.folder, "guest.xml");
    writeFileSync(definition, this.#domainXml());
    this.domsnap("define", definition);
  }

  path(name: string): string {
    return join(this.#repository, fileName(name));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  domsnap(...args: string[]): string {
    return runDomsnap(this.#uri, args);
  }

  try(...args: string[]): CliResult {
    return tryDomsnap(this.#uri, args);
  }

  /** What a guest would see in a file of the repository. */
  contentOf(name: string): string {
    return hash(readAsGuest(this.path(name), "vhd"));
  }

  /** All files of the repository, byte for byte. */
  bytes(): Record<string, string> {
    const names = readdirSync(this.#repository).sort();
    return Object.fromEntries(
      names.map((name) => [name, hash(readFileSync(join(this.#repository, name)))]),
    );
  }

  #domainXml(): string {
    const disk = (target: string, file: string) =>
      `<disk type='file' device='disk'><driver name='tap' type='vhd'/>` +
      `<source file='${this.path(file)}'/><target dev='${target}' bus='xen'/></disk>`;
    return (
      "<domain type='xen'><name>guest</name><memory unit='MiB'>64</memory>" +
      "<os><type>linux</type><kernel>/boot/vmlinuz</kernel></os><devices>" +
      `${disk("xvda", "active")}${disk("xvdb", "second")}</devices></domain>`
    );
  }
}

/** Files are called after a UUID; here it begins with the letters of the name. */
export function fileName(name: string): string {
  return `${uuidName(name)}.vhd`;
}

export function uuidName(name: string): string {
  const hex = Buffer.from(name).toString("hex").padEnd(32, "0");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export function madeAt(hour: number): number {
  return VHD_EPOCH + hour * 3600;
}

export function formatSrFile({ name, parent, hidden = false, writes, hour }: SrFile): Buffer {
  const bits = Buffer.alloc(512);
  const sectors = writes?.sectors ?? 0;
  for (let sector = 0; sector < sectors; sector++) bits[sector >> 3]! |= 0x80 >> (sector & 7);
  const data = Buffer.alloc(2 * MIB).fill(writes?.byte ?? 0, 0, sectors * 512);
  const windows = parent && Buffer.from(`.\\${fileName(parent)}`, "utf16le");
  return goldenSparse({
    type: parent === undefined ? 3 : 4,
    sizeBytes: DISK_BYTES,
    uuid: hash(Buffer.from(name)).slice(0, 32),
    createdAt: hour * 3600,
    geometry: GEOMETRY,
    hidden,
    ...(writes && { blocks: [{ index: writes.block, bitmap: bits, data }] }),
    ...(parent !== undefined &&
      windows && {
        parent: {
          uuid: hash(Buffer.from(parent)).slice(0, 32),
          name: fileName(parent),
          changedAt: hour * 3600,
          paths: [
            { code: "MacX", bytes: Buffer.from(`file://./${fileName(parent)}`) },
            { code: "W2ku", bytes: windows },
            { code: "W2ru", bytes: windows },
          ],
        },
      }),
  });
}

function hash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
