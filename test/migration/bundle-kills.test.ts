import { isTemporaryName } from "../../src/core/model/index.js";
import { formatReceipt, parseReceipt } from "../../src/plugins/bundle/receipt.js";
import { expect } from "chai";
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { contentOf, fill, ImportLab, outcomes, qemuImg, UUID } from "./support/import-lab.js";

const PROGRAM = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));
const GIB = 1024 ** 3;
/** Where the little data of the large image is. */
const DATA_AT = 700 * 1024 * 1024;
const DATA = "not a hole";

const definition = (folder: string) =>
  `<domain type='qemu'><name>vm1</name><uuid>${UUID}</uuid><memory unit='MiB'>32</memory>
  <os><type arch='x86_64'>hvm</type></os><devices>
  <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
  <source file='${folder}/vda.qcow2'/><target dev='vda' bus='virtio'/></disk>
  <disk type='file' device='disk'><driver name='qemu' type='raw'/>
  <source file='${folder}/vdb.raw'/><target dev='vdb' bus='virtio'/></disk>
  </devices></domain>`;

const snapshot = (name: string, mode: string) =>
  `<domainsnapshot><name>${name}</name><disks><disk name='vda' snapshot='${mode}'/>` +
  `<disk name='vdb' snapshot='no'/></disks></domainsnapshot>`;

describe("bundles with large images", function () {
  this.timeout(patience(300_000));
  let here: ImportLab;
  let there: ImportLab;
  const bundle = () => join(here.folder, "bundle");
  const images = () => join(bundle(), "images");
  const moved = () => join(there.folder, "bundle");
  const exporting = () =>
    domsnap(here, "export", UUID, bundle(), "--to", "bundle", "--images", "--json");
  const importing = () => domsnap(there, "import", moved(), "--define", "--json");

  before(() => ensureBuilt());
  beforeEach(async () => {
    here = new ImportLab();
    there = new ImportLab();
    qemuImg("create", "-q", "-f", "qcow2", join(here.folder, "vda.qcow2"), "1M");
    writeFileSync(join(here.folder, "vdb.raw"), "");
    truncateSync(join(here.folder, "vdb.raw"), GIB);
    writeAt(join(here.folder, "vdb.raw"), DATA_AT, DATA);
    await here.define(definition(here.folder));
    const service = await here.service();
    fill(join(here.folder, "vda.qcow2"), 1);
    await service.create(UUID, snapshot("inside", "internal"), {});
    await service.create(UUID, snapshot("outside", "external"), {});
    fill(join(here.folder, "vda.outside"), 3);
  });
  afterEach(() => {
    here.remove();
    there.remove();
  });

  /** Everything that an export must leave as it is. */
  const domainHere = async () => ({
    definition: (await (await here.service()).findDomain(UUID)).definition.xml,
    tree: await here.tree(),
    current: await here.current(),
    overlay: contentOf(join(here.folder, "vda.outside")),
    base: readFileSync(join(here.folder, "vda.qcow2")).toString("base64"),
    data: [readAt(join(here.folder, "vdb.raw"), DATA_AT), blocksOf(join(here.folder, "vdb.raw"))],
  });

  it("go on after an export that is killed, wherever that is", async () => {
    const before = await domainHere();
    const moments: readonly [string, (names: readonly string[]) => boolean][] = [
      ["while an image is copied", (names) => names.some(isTemporaryName)],
      ["when an image is there", (names) => names.some((name) => name.endsWith(".copied"))],
      [
        "in the large image",
        (names) => names.some((name) => name.includes("vdb.raw.domsnap-partial-")),
      ],
    ];
    for (const [moment, isReached] of moments) {
      const child = exporting();
      await killOnce(child, () => isReached(namesIn(images())));
      expect(child.signalCode, moment).to.equal("SIGKILL");
      expect(existsSync(join(bundle(), "manifest.json")), moment).to.equal(false);
      expect(await domainHere(), moment).to.deep.equal(before);
      for (const name of namesIn(images()).filter((name) => name.endsWith("vdb.raw")))
        expect(statSync(join(images(), name)).size, moment).to.equal(GIB);

      const refused = run(there, "import", bundle(), "--define");
      expect(refused.status, moment).to.equal(1);
      expect(refused.stderr, moment).to.match(/is a bundle that is not whole[^]*Repeat its export/);
      expect(run(there, "list-domains", "--json").stdout, moment).not.to.contain(UUID);
    }
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    expect(namesIn(images()).filter(isTemporaryName)).to.deep.equal([]);
    expect(await domainHere()).to.deep.equal(before);
    cpSync(bundle(), moved(), { recursive: true });
    expect(outcomes(await there.import(moved(), { define: true }))).to.deep.equal({
      inside: "adapted",
      outside: "adapted",
    });
  });

  it("are imported again after an import that is killed, and stay as they are", async () => {
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    cpSync(bundle(), moved(), { recursive: true });
    const before = filesIn(moved());
    const child = importing();
    await killOnce(child, () => opened(child).some((path) => path.endsWith("vdb.raw")));
    expect(child.signalCode).to.equal("SIGKILL");
    expect(run(there, "list-domains", "--json").stdout).not.to.contain(UUID);
    expect(filesIn(moved())).to.deep.equal(before);
    expect(run(there, "import", moved(), "--define").status).to.equal(0);
    expect(await there.tree()).to.deep.equal({ inside: undefined, outside: "inside" });
    expect(filesIn(moved())).to.deep.equal(before);
  });

  it("are refused for one flipped byte, before anything is recorded", () => {
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    for (const name of namesIn(images()).filter((name) => !name.endsWith(".copied"))) {
      const path = join(images(), name);
      const at = statSync(path).size - 100;
      const byte = readBytes(path, at, 1);
      writeAt(path, at, Buffer.from([(byte[0] ?? 0) ^ 1]));
      const { status, stderr } = run(there, "import", bundle(), "--define");
      expect(status, name).to.equal(1);
      expect(stderr).to.match(
        new RegExp(`'${path}' is not what was exported: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]`),
      );
      expect(run(there, "list-domains", "--json").stdout).not.to.contain(UUID);
      expect(namesIn(there.folder)).to.deep.equal(["connection"]);
      writeAt(path, at, byte);
    }
    expect(run(there, "import", bundle(), "--define").status).to.equal(0);
  });

  it("keep holes, and take no room for them", () => {
    truncateSync(join(here.folder, "vdb.raw"), 4 * GIB);
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    const copy = join(images(), namesIn(images()).find((name) => name.endsWith("vdb.raw")) ?? "");
    expect(statSync(copy).size).to.equal(4 * GIB);
    expect(blocksOf(copy)).to.be.lessThan(1024);
    expect(readAt(copy, DATA_AT)).to.equal(DATA);
    expect(run(there, "import", bundle(), "--define").status).to.equal(0);
    expect(blocksOf(copy)).to.be.lessThan(1024);
    expect(namesIn(there.folder)).to.deep.equal(["connection"]);
  });

  it("that are whole are not replaced by another state", () => {
    truncateSync(join(here.folder, "vdb.raw"), 1024 * 1024);
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    const before = filesIn(bundle());
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    expect(run(here, "export", UUID, bundle(), "--images", "--dry-run").status).to.equal(0);
    fill(join(here.folder, "vda.outside"), 9);
    const { status, stderr } = run(here, "export", UUID, bundle(), "--images");
    expect(status).to.equal(1);
    expect(stderr).to.match(/holds another state of '.*vda\.outside'[^]*Name an empty folder/);
    expect(filesIn(bundle())).to.deep.equal(before);
  });

  it("never keep a copy that stands on another file than it did", () => {
    truncateSync(join(here.folder, "vdb.raw"), 1024 * 1024);
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    // As if interrupted before its last file; then the images get other numbers.
    const manifest = join(bundle(), "manifest.json");
    const overlay = namesIn(images()).find((name) => name.endsWith("vda.outside")) ?? "";
    const receipt = join(images(), `${overlay}.copied`);
    const made = parseReceipt(readFileSync(receipt, "utf8"));
    if (!made) throw new Error("there is no receipt");
    const version = made.version.replace(/ \d{3}-vda\.qcow2$/, " 9-vda.qcow2");
    expect(version).not.to.equal(made.version);
    writeFileSync(receipt, formatReceipt({ ...made, version }));
    rmSync(manifest);
    expect(run(here, "export", UUID, bundle(), "--images").status).to.equal(0);
    const remade = parseReceipt(readFileSync(receipt, "utf8"));
    expect(remade?.version).to.equal(made.version);
    // The number of an inode may be given to the next file.
    expect(remade?.identity).not.to.equal(made.identity);
  });
});

function domsnap(lab: ImportLab, ...args: string[]): ChildProcess {
  return spawn(process.execPath, [PROGRAM, "-c", lab.uri, ...args], { stdio: "ignore" });
}

function run(
  lab: ImportLab,
  ...args: string[]
): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [PROGRAM, "-c", lab.uri, ...args], { encoding: "utf8" });
}

async function killOnce(child: ChildProcess, isReached: () => boolean): Promise<void> {
  const ended = new Promise((resolve) => child.on("exit", resolve));
  while (!isReached() && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill("SIGKILL");
  await ended;
}

/** Files that a process has open. */
function opened({ pid }: ChildProcess): string[] {
  const folder = `/proc/${String(pid)}/fd`;
  return namesIn(folder).flatMap((name) => {
    try {
      return readlinkSync(join(folder, name));
    } catch {
      return [];
    }
  });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const { size, mtimeMs, ino } = statSync(join(folder, name));
      return [name, size, mtimeMs, ino].join(" ");
    });
}

function blocksOf(path: string): number {
  return statSync(path).blocks;
}

function writeAt(path: string, at: number, bytes: string | Buffer): void {
  const fd = openSync(path, "r+");
  writeSync(fd, Buffer.from(bytes), 0, undefined, at);
  closeSync(fd);
}

function readBytes(path: string, at: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  const fd = openSync(path, "r");
  readSync(fd, buffer, 0, length, at);
  closeSync(fd);
  return buffer;
}

function readAt(path: string, at: number): string {
  return readBytes(path, at, DATA.length).toString();
}
