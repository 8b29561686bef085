import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { openSnapshotService } from "../../../src/container.js";
import type {
  DomainDefinition,
  DomainSnapshot,
  ImageFormat,
} from "../../../src/core/model/index.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import { FINDINGS, type Finding } from "../../../src/core/rules/index.js";
import { identityOf } from "../../../src/host/file-identity.js";
import { checkedLines, textsOf } from "../../support/checked-lines.js";
import { imagesOfFormat, type DiskKind } from "./disk-kinds.js";
import { program, programEnvironment, ProgramServer, type Run } from "./program-server.js";

const IMAGE_BYTES = 256 * 1024;
/** What is in a file that is not ours; see fault-points.cjs. */
const STRANGERS = "somebody's";

export interface Inspection {
  readonly found: Observation;
  readonly findings: readonly Finding[];
}

/** All that matters of a guest: what is recorded, what is held, and every file. */
export type Observation = Readonly<Record<string, unknown>>;

/**
 * A guest that is off, with one disk of each given kind, in a folder that can be saved and put
 * back. Changed by the real program, looked at through the library and outside tools.
 */
export class SweepGuest {
  /** In memory if possible: a sweep flushes files to the disk a million times. */
  readonly home = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "sweep-"));
  readonly folder = join(this.home, "guest");
  readonly definitions = join(this.folder, "domains");
  readonly uri = `file://${this.definitions}`;
  /** What is run: the installed program, or another one with the same command line. */
  program = program;
  /** Opens what the program would open. */
  openService = openSnapshotService;
  static readonly uuid = "11111111-2222-4333-8444-555555555555";
  /** Where an export goes, and where an import comes from. */
  readonly output = join(this.home, "output");
  readonly source = join(this.home, "source");
  readonly #saved = join(this.home, "saved");
  #identities = new Map<string, string>();
  readonly #inspections = new Map<string, Inspection>();
  readonly #server = new ProgramServer(() => this.program);

  private constructor(readonly kinds: readonly DiskKind[]) {
    mkdirSync(this.definitions, { recursive: true });
  }

  static async make(kinds: readonly DiskKind[]): Promise<SweepGuest> {
    const guest = new SweepGuest(kinds);
    for (const [index, { format }] of kinds.entries()) {
      const path = guest.#imagePath(index);
      await imagesOfFormat(format).makeImage(path, format, Buffer.alloc(IMAGE_BYTES, 17 + index));
      chmodSync(path, 0o600);
    }
    guest.must("define", guest.file("guest.xml", guest.domainXml()));
    return guest;
  }

  static target(index: number): string {
    return `vd${String.fromCharCode(97 + index)}`;
  }

  remove(): void {
    this.#server.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  save(): void {
    this.#identities = this.#identify();
    copyTree(this.folder, this.#saved);
  }

  /** Files that are put back are other files; a journal is made to know them as those of before. */
  restore(): void {
    rmSync(this.output, { recursive: true, force: true });
    copyTree(this.#saved, this.folder);
    if (!this.hasJournal()) return;
    const now = this.#identify();
    const renewed = textsOf(readFileSync(this.#journal, "utf8")).map((text) =>
      [...this.#identities].reduce(
        (told, [path, identity]) =>
          told.replaceAll(`"${identity}"`, `"${now.get(path) ?? identity}"`),
        text,
      ),
    );
    writeFileSync(this.#journal, checkedLines(renewed));
  }

  /** Every file by what tells it from all others; see src/host/file-identity.ts. */
  #identify(): Map<string, string> {
    const paths = readdirSync(this.folder, { recursive: true, encoding: "utf8" });
    return new Map(
      paths.map((name) => [name, identityOf(lstatSync(join(this.folder, name), { bigint: true }))]),
    );
  }

  /** Runs a command that has to succeed. */
  must(...args: string[]): string {
    const run = this.run(args);
    if (run.status !== 0)
      throw new Error(`domsnap ${args.join(" ")}: status ${run.status}\n${run.stderr}`);
    return run.stdout;
  }

  /** Runs a command to its end. */
  run(args: readonly string[]): Run {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [this.program, ...this.#words(args)],
      {
        encoding: "utf8",
        env: programEnvironment(),
      },
    );
    return { status: status ?? undefined, stdout, stderr };
  }

  /** Runs a command to what a fault makes of it. */
  runAmid(fault: string, args: readonly string[]): Promise<Run> {
    return this.#server.run(this.#words(args), fault);
  }

  /** Runs a command that has to succeed, and returns the fault points that it passes. */
  async points(args: readonly string[]): Promise<string[]> {
    const list = join(this.home, "points");
    const { status, stderr } = await this.runAmid(`list:${list}`, args);
    if (status !== 0) throw new Error(`domsnap ${args.join(" ")}: status ${status}\n${stderr}`);
    const points = readFileSync(list, "utf8").split("\n").slice(0, -1);
    rmSync(list);
    return points;
  }

  /**
   * Every name below the guest's folder that a command's plan mentions: of the plan that it would
   * make now, or of the one that a journal holds. None where a command makes no plan.
   */
  plannedNames(args: readonly string[]): string[] {
    const text = this.hasJournal()
      ? readFileSync(this.#journal, "utf8")
      : this.run([...args, "--dry-run", "--json"]).stdout;
    const names = [...text.matchAll(/"(\/[^"\\]+)"/g)].map(([, name]) => name ?? "");
    return [...new Set(names)].filter((name) => name.startsWith(`${this.folder}/`)).sort();
  }

  /**
   * Runs a command beside which somebody makes a file at a certain point, unless there is one by
   * then; gives the file if it was made.
   */
  async runBeside(index: number, path: string, args: readonly string[]) {
    const log = join(this.home, "strangers");
    rmSync(log, { force: true });
    const run = await this.runAmid(`${index}:stranger=${JSON.stringify({ path, log })}`, args);
    return { run, strangers: existsSync(log) ? [path] : [] };
  }

  /** Makes files of somebody else at those names that are free, and gives them. */
  makeStrangers(names: readonly string[]): string[] {
    const free = names.filter((name) => lstatSync(name, { throwIfNoEntry: false }) === undefined);
    for (const name of free) writeFileSync(name, STRANGERS, { flag: "wx", mode: 0o600 });
    return free;
  }

  /** Takes files of somebody else out of the way; gives those that are not as they were left. */
  removeStrangers(names: readonly string[]): string[] {
    const isStrangers = (name: string) =>
      existsSync(name) && readFileSync(name, "utf8") === STRANGERS;
    const harmed = names.filter((name) => !isStrangers(name));
    for (const name of names) if (isStrangers(name)) rmSync(name);
    return harmed;
  }

  /** Writes a snapshot document for `snapshot-create`. */
  document(name: string, disks: string, description = "before"): string {
    return this.file(
      `${name}.document`,
      `<domainsnapshot><name>${name}</name><description>${description}</description>` +
        `<disks>${disks}</disks></domainsnapshot>`,
    );
  }

  /** Writes a file that is no part of the guest, and returns its path. */
  file(name: string, content: string): string {
    const path = join(this.home, name);
    writeFileSync(path, content);
    return path;
  }

  /** What the guest would do while it runs. */
  async write(byte: number): Promise<void> {
    const { definition } = await (await this.service()).findDomain("guest");
    for (const image of imagesOf(definition).values())
      await imagesOfFormat(image.format).writeImage({ ...image, type: "file" }, byte);
  }

  /** A new connection each time: it knows nothing of what was before. */
  service(): Promise<SnapshotService> {
    return this.openService(this.uri);
  }

  hasJournal(): boolean {
    return existsSync(this.#journal);
  }

  /** Looks at everything. Moments of time are left out, so that two runs compare. */
  async observe(): Promise<Observation> {
    const service = await this.service();
    // The next definition of a name takes the place of one that was cut off.
    if ((await service.listDomains()).length === 0)
      return { files: this.listFiles().filter((name) => !name.includes(".xml.new ")) };
    // To list settles what was interrupted, and may change the definition.
    const { heads, current, problems } = await service.list("guest");
    const { definition } = await service.findDomain("guest");
    const snapshots: Record<string, unknown> = {};
    for (const { name } of heads)
      snapshots[name] = {
        xml: withoutTimes(await service.getXml("guest", name, { secure: true })),
        holds: await heldBy(await service.get("guest", name)),
      };
    return {
      definition: withoutTimes(definition.xml),
      current,
      problems,
      shows: await contentsOf(imagesOf(definition)),
      snapshots,
      files: this.listFiles(),
    };
  }

  /**
   * What is there, and what `check` says of it, notes left out. Both follow from the bytes of the
   * files alone, so the same bytes are looked at once.
   */
  async inspect(): Promise<Inspection> {
    const digest = this.#digest();
    const known = this.#inspections.get(digest);
    if (known) return known;
    const reports = await (await this.service()).check();
    const findings = reports
      .flatMap((report) => report.findings)
      .filter(({ code }) => FINDINGS[code].severity !== "note");
    const inspection = { found: await this.observe(), findings };
    this.#inspections.set(digest, inspection);
    return inspection;
  }

  /** Every file with its permissions; the lock stays, and means nothing. */
  listFiles(): string[] {
    return readdirSync(this.folder, { recursive: true, encoding: "utf8" })
      .filter((name) => !name.endsWith("/lock"))
      .map((name) => {
        const { mode } = lstatSync(join(this.folder, name));
        return `${withoutTimes(name)} ${(mode & 0o7777).toString(8)}`;
      })
      .sort();
  }

  /** Every file of an export, by content; what is kept of moments and inodes is left out. */
  outputFiles(): string[] {
    if (!existsSync(this.output)) return [];
    return readdirSync(this.output, { recursive: true, encoding: "utf8" })
      .map((name) => {
        const path = join(this.output, name);
        const content =
          name.endsWith(".copied") || lstatSync(path).isDirectory() ? "" : hashOfFile(path);
        return `${name} ${(lstatSync(path).mode & 0o7777).toString(8)} ${content}`;
      })
      .sort();
  }

  /** Files that others than their owner may use; the guest's own images are private. */
  openFiles(): string[] {
    return readdirSync(this.folder, { recursive: true, encoding: "utf8" }).filter((name) => {
      const stats = lstatSync(join(this.folder, name));
      return stats.isFile() && (stats.mode & 0o077) !== 0;
    });
  }

  /** Of every byte that matters: names, modes, contents. */
  #digest(): string {
    const hash = createHash("sha256");
    const files = this.listFiles();
    hash.update(files.join("\n"));
    for (const name of readdirSync(this.folder, { recursive: true, encoding: "utf8" }).sort()) {
      const path = join(this.folder, name);
      if (name.endsWith("/lock") || !lstatSync(path).isFile()) continue;
      const content = readFileSync(path);
      hash.update(`\n${withoutTimes(name)}\n`);
      hash.update(name.endsWith(".xml") ? withoutTimes(content.toString()) : content);
    }
    return hash.digest("hex");
  }

  #words(args: readonly string[]): string[] {
    return ["-q", "-c", this.uri, ...args];
  }

  get #journal(): string {
    return join(this.definitions, "snapshots", SweepGuest.uuid, "journal");
  }

  #imagePath(index: number): string {
    return join(this.folder, `disk${String(index)}.img`);
  }

  domainXml(memoryMiB = "64"): string {
    const disks = this.kinds.map(
      ({ driver, format }, index) =>
        `<disk type='file' device='disk'><driver name='${driver}' type='${format}'/>` +
        `<source file='${this.#imagePath(index)}'/>` +
        `<target dev='${SweepGuest.target(index)}' bus='virtio'/></disk>`,
    );
    return (
      `<domain type='xen'><name>guest</name><uuid>${SweepGuest.uuid}</uuid><memory unit='MiB'>${memoryMiB}</memory>` +
      `<os><type>hvm</type></os><devices>${disks.join("")}</devices></domain>`
    );
  }
}

interface Image {
  readonly path: string;
  readonly format: ImageFormat;
}

function imagesOf({ disks }: DomainDefinition): Map<string, Image> {
  return new Map(
    disks.map(({ target, source, format }) => [
      target,
      { path: source?.path ?? "", format: format ?? "raw" },
    ]),
  );
}

/** What a snapshot holds, read from where its record says, without reverting to it. */
async function heldBy({ name, domain, disks }: DomainSnapshot): Promise<Record<string, string>> {
  if (!domain) throw new Error(`snapshot '${name}' has no domain`);
  const images = imagesOf(domain);
  const held: Record<string, string> = {};
  for (const disk of disks) {
    const image = images.get(disk.name);
    if (!image || disk.mode === "no" || disk.mode === "manual") continue;
    if (disk.mode === "internal") held[disk.name] = hashOfInternal(image, name);
    else if (disk.format === "raw")
      held[disk.name] = await hashOf({ path: disk.source?.path ?? "", format: "raw" });
    else held[disk.name] = await hashOf(image);
  }
  return held;
}

async function contentsOf(images: ReadonlyMap<string, Image>): Promise<Record<string, string>> {
  const contents: Record<string, string> = {};
  for (const [target, image] of images) contents[target] = await hashOf(image);
  return contents;
}

async function hashOf(image: Image): Promise<string> {
  return sha256(await imagesOfFormat(image.format).readImage({ ...image, type: "file" }));
}

function hashOfInternal({ path, format }: Image, tag: string): string {
  const flat = `${path}.flat`;
  try {
    execFileSync("qemu-img", [
      "convert",
      "-f",
      format,
      "-l",
      `snapshot.name=${tag}`,
      "-O",
      "raw",
      path,
      flat,
    ]);
    return sha256(readFileSync(flat));
  } finally {
    rmSync(flat, { force: true });
  }
}

function hashOfFile(path: string): string {
  return sha256(readFileSync(path));
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}

/** Seconds of this century, in overlay names and creation times. */
function withoutTimes(text: string): string {
  return text.replace(/\b1[6-9]\d{8}\b|\b20\d{8}\b/g, "TIME");
}

function copyTree(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  execFileSync("cp", ["-a", "--sparse=always", "--", from, to]);
}
