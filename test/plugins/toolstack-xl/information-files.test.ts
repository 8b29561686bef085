import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";
import { build } from "esbuild";

import { patience } from "../../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../../scripts/ensure-built.mjs";
import type { DomsnapError } from "../../../src/core/errors/index.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import { formatInformationView, parseInformationFile } from "../../../src/xl-snapshot/index.js";
import { isOfToday } from "../../support/part-of-today.js";
import type { SweepGuest } from "../../sweep/support/sweep-guest.js";
import { sweep } from "../../sweep/support/sweep.js";
import { openWithViews } from "./support/view-connection.js";

const UUID = "11111111-2222-4333-8444-555555555555";
const MARK = "# Written by domsnap from the record beside it. Changes here are not read.\n";

/** A guest that is off, with two qcow2 disks, and the folder of its snapshots. */
class ViewLab {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-views-"));
  readonly state = join(this.folder, "snapshots", UUID);
  service!: SnapshotService;

  static async open(): Promise<ViewLab> {
    const lab = new ViewLab();
    lab.service = await openWithViews(`file://${lab.folder}`);
    const disks = ["hda", "hdb"].map((target) => {
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", lab.image(target), "1M"]);
      return (
        `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>` +
        `<source file='${lab.image(target)}'/><target dev='${target}' bus='ide'/></disk>`
      );
    });
    await lab.service.registry?.define(
      `<domain type='xen'><name>vm1</name><uuid>${UUID}</uuid><memory unit='MiB'>64</memory>` +
        `<os><type>hvm</type></os><devices>${disks.join("")}</devices></domain>`,
    );
    mkdirSync(lab.state, { recursive: true, mode: 0o700 });
    return lab;
  }

  image(target: string): string {
    return join(this.folder, `${target}.qcow2`);
  }

  path(name: string): string {
    return join(this.state, `snapshotdata-${name}.xl`);
  }

  /** As another program would. */
  put(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }

  view(name: string): string {
    return readFileSync(this.path(name), "utf8");
  }

  create(name: string, disks = "") {
    const document = `<domainsnapshot><name>${name}</name><disks>${disks}</disks></domainsnapshot>`;
    return this.service.create("vm1", document, {});
  }

  async names(): Promise<string[]> {
    return (await this.service.list("vm1")).heads.map(({ name }) => name);
  }

  async findings() {
    const reports = await this.service.check("vm1");
    return reports.flatMap(({ findings }) => findings);
  }

  /** Any change takes the lock. */
  async touch(): Promise<void> {
    await this.service.recover("vm1");
  }

  files(): string[] {
    return readdirSync(this.state).sort();
  }
}

const OVERLAY = "<disk name='hda' snapshot='external'/><disk name='hdb' snapshot='no'/>";

describe("information files beside the records", function () {
  this.timeout(patience(120_000));
  let lab: ViewLab;
  beforeEach(async () => {
    lab = await ViewLab.open();
  });
  afterEach(() => {
    rmSync(lab.folder, { recursive: true });
  });

  it("tell with the keys of the third proposal what the record says", async () => {
    await lab.create("s1");
    const { creationTime } = await lab.service.get("vm1", "s1");
    expect(lab.view("s1")).to.equal(
      `${MARK}name="s1"\ncreationtime="${creationTime}"\ntype="internal"\nlive="no"\n` +
        `disk_only="no"\ndisk=[ "hda=", "hdb=" ]\n`,
    );
    expect(lstatSync(lab.path("s1")).mode & 0o7777).to.equal(0o600);
    expect(lab.files()).to.deep.equal(["current", "lock", "s1.xml", "snapshotdata-s1.xl"]);
    expect(await lab.findings()).to.deep.equal([]);
  });

  it("have memory and files of the folder by their names, others by their paths", () => {
    const text = formatInformationView(
      {
        ...{ name: "s1", description: 'a "b"\n', state: "running", creationTime: 7n },
        memory: { mode: "internal" },
        disks: [
          { name: "xvda", type: "file", mode: "internal" },
          ...["/s/u/a.qcow2", "/s/u/deep/b.qcow2"].map((path, at) => ({
            ...({ name: `xvd${"bc".charAt(at)}`, type: "file", mode: "external" } as const),
            ...({ format: "qcow2", source: { path } } as const),
          })),
          { name: "xvdd", type: "file", mode: "no" },
        ],
      },
      "/s/u",
    );
    expect(text).to.equal(
      `${MARK}description="a \\"b\\"\\n"\nname="s1"\ncreationtime="7"\nsave="s1.save"\n` +
        `type="external"\nlive="no"\ndisk_only="no"\n` +
        `disk=[ "vdev=xvda,target=null", "xvdb=a.qcow2,type=qcow2", "xvdc=/s/u/deep/b.qcow2,type=qcow2" ]\n`,
    );
  });

  it("follow an edit and go with a delete, which changes the record of a child as well", async () => {
    await lab.create("s1", OVERLAY);
    await lab.create("s2", OVERLAY);
    const { name, ...rest } = await lab.service.get("vm1", "s2");
    const xml = await lab.service.getXml("vm1", "s2", { secure: true });
    const edited = xml.replace("</name>", "</name><description>now</description>");
    await lab.service.create("vm1", edited, { redefine: true });
    expect(parseInformationFile(lab.view("s2"))).to.include({ name, description: "now" });
    expect(rest.parent).to.equal("s1");
    await lab.service.delete("vm1", "s1", {});
    expect(lab.files()).to.deep.equal(["current", "lock", "s2.xml", "snapshotdata-s2.xl"]);
    expect(await lab.findings()).to.deep.equal([]);
  });

  it("go with a definition that takes its records along", async () => {
    await lab.create("s1");
    await lab.service.undefine("vm1", { snapshotsMetadata: true });
    expect(lab.files()).to.deep.equal(["lock"]);
  });

  it("are written anew by whoever next takes the lock, when a writer has died", async () => {
    await lab.create("s1");
    await lab.create("s2");
    const [first, second] = [lab.view("s1"), lab.view("s2")];
    rmSync(lab.path("s1"));
    writeFileSync(`${lab.path("s2")}.next`, "name=");
    lab.put("s2", "stale");
    writeFileSync(`${lab.path("gone")}.next`, 'name="gone"\n');
    await lab.touch();
    expect([lab.view("s1"), lab.view("s2")]).to.deep.equal([first, second]);
    expect(lab.files().filter((file) => file.endsWith(".next"))).to.deep.equal([]);
    expect(await lab.names()).to.have.members(["s1", "s2"]);
  });

  it("are compared with their records by check, which repairs them", async () => {
    await lab.create("s1");
    await lab.create("s2");
    lab.put("s1", lab.view("s1").replace('"internal"', '"external"'));
    rmSync(lab.path("s2"));
    lab.put("s3", lab.view("s1").replaceAll("s1", "s3"));
    const findings = await lab.findings();
    expect(findings.map(({ code, detail }) => `${code}: ${detail}`)).to.have.members([
      "view-stale: it tells something else than its record",
      "view-stale: it is not there",
      "view-stale: its record is not there",
    ]);
    // It is one of ours that lost its record, not a snapshot of another program.
    expect(await lab.names()).to.have.members(["s1", "s2"]);
    expect((await lab.service.repair("vm1", findings)).findings).to.deep.equal([]);
    expect(existsSync(lab.path("s3"))).to.equal(false);
    expect(lab.view("s1")).to.include('type="internal"');
  });

  it("never fail a change: not by a folder in their place, nor by a link", async () => {
    mkdirSync(lab.path("s1"));
    const secret = join(lab.folder, "secret");
    writeFileSync(secret, "secret");
    symlinkSync(secret, lab.path("s2"));
    await lab.create("s1");
    await lab.create("s2");
    expect(await lab.names()).to.have.members(["s1", "s2"]);
    expect(readFileSync(secret, "utf8")).to.equal("secret");
    expect(lstatSync(lab.path("s2")).isFile()).to.equal(true);
    expect((await lab.findings()).map(({ code }) => code)).to.include("view-stale");
  });

  it("are not made for a name that leaves no room for theirs", async () => {
    await lab.create("n".repeat(230));
    expect(lab.view("n".repeat(230))).to.include(MARK);
    await lab.service.delete("vm1", "n".repeat(230), {});
    const name = "n".repeat(231);
    await lab.create(name);
    expect(await lab.names()).to.deep.equal([name]);
    expect(lab.files().some((file) => file.startsWith("snapshotdata-"))).to.equal(false);
    expect(await lab.findings()).to.deep.equal([]);
  });

  it("are no snapshots of others to an import from the folder", async () => {
    await lab.create("s1");
    const result = await lab.service.import({ source: lab.state, from: "xl", domain: "vm1" });
    expect(result.entries).to.deep.equal([]);
    expect(await lab.names()).to.deep.equal(["s1"]);
  });
});

describe("information files of other programs", function () {
  this.timeout(patience(120_000));
  let lab: ViewLab;
  beforeEach(async () => {
    lab = await ViewLab.open();
  });
  afterEach(() => {
    rmSync(lab.folder, { recursive: true });
  });
  const snapshotOf = (target: string, tag: string) =>
    execFileSync("qemu-img", ["snapshot", "-c", tag, lab.image(target)]);
  const write = (target: string, byte: number) =>
    execFileSync("qemu-io", ["-c", `write -P ${byte} 0 64k`, lab.image(target)]);
  const holds = (target: string, byte: number) =>
    !execFileSync("qemu-io", ["-c", `read -P ${byte} 0 64k`, lab.image(target)])
      .toString()
      .includes("failed");

  it("are snapshots, which can be reverted to and deleted", async () => {
    write("hda", 1);
    snapshotOf("hda", "old");
    write("hda", 2);
    const text = '# by hand\nname="old"\ncreationtime="1400137200"\nfuture="kept"\ndisk=["hda="]\n';
    lab.put("old", text);
    const { heads } = await lab.service.list("vm1");
    expect(heads).to.have.length(1);
    expect(heads[0]).to.deep.include({ name: "old", state: "shutoff", creationTime: 1400137200n });
    expect(await lab.findings()).to.deep.equal([]);
    // Looking at it, and a dry run, leave it alone.
    await lab.service.revert("vm1", "old", {}, { dryRun: true });
    expect(lab.view("old")).to.equal(text);
    expect(existsSync(join(lab.state, "old.xml"))).to.equal(false);
    await lab.service.revert("vm1", "old", {});
    expect(holds("hda", 1)).to.equal(true);
    expect(await lab.service.current("vm1")).to.equal("old");
    expect(lab.view("old")).to.equal(
      `${MARK}# by hand\nname="old"\ncreationtime="1400137200"\nfuture="kept"\ndisk=["hda="]\n` +
        'type = "internal"\nlive = "no"\ndisk_only = "no"\n',
    );
    await lab.create("new");
    expect(await lab.service.parent("vm1", "new")).to.equal("old");
    await lab.service.delete("vm1", "old", {});
    expect(await lab.names()).to.deep.equal(["new"]);
    expect(existsSync(lab.path("old"))).to.equal(false);
    expect(await lab.findings()).to.deep.equal([]);
  });

  it("may be of the second proposal, and of the prototype", async () => {
    snapshotOf("hda", "v2");
    snapshotOf("hda", "p");
    lab.put("v2", 'snapshot_name="v2"\nsnapshot_creationtime="5"\ndisk=["hda="]\n');
    const json = join(lab.state, "snapshotdata-d.p.libxl-json");
    writeFileSync(
      json,
      '{"name":"p","creation_time":4,"type":"internal","disks":[{"device":"hda","name":"p"}]}\0',
      { mode: 0o600 },
    );
    const heads = [...(await lab.service.list("vm1")).heads];
    expect(heads.map(({ name, creationTime }) => `${name} ${creationTime}`)).to.have.members([
      "p 4",
      "v2 5",
    ]);
    await lab.service.delete("vm1", "p", {});
    expect(existsSync(json)).to.equal(false);
    await lab.service.revert("vm1", "v2", {});
    expect(lab.view("v2")).not.to.contain("snapshot_name");
    expect(parseInformationFile(lab.view("v2"))).to.include({ name: "v2", creationTime: 5n });
  });

  it("with an overlay revert to the image below it", async () => {
    write("hda", 1);
    const overlay = join(lab.state, "disk_hda.qcow2");
    const base = lab.image("hda");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay]);
    execFileSync("qemu-io", ["-c", "write -P 2 0 64k", overlay]);
    const definition = (await lab.service.findDomain("vm1")).definition.xml;
    await lab.service.registry?.define(definition.replace(base, overlay));
    lab.put(
      "ext",
      'name="ext"\ncreationtime="9"\ntype="external"\ndisk=[ "hda=disk_hda.qcow2,type=qcow2" ]\n',
    );
    const { disks, domain } = await lab.service.get("vm1", "ext");
    expect(disks[0]?.source?.path).to.equal(overlay);
    expect(domain?.disks[0]?.source?.path).to.equal(base);
    await lab.service.delete("vm1", "ext", {});
    expect((await lab.service.findDomain("vm1")).definition.disks[0]?.source?.path).to.equal(base);
    expect(holds("hda", 2)).to.equal(true);
    expect(existsSync(overlay)).to.equal(false);
  });

  it("that say too little are refused with the reason, and nothing is changed", async () => {
    lab.put("lost", 'name="lost"\ntype="external"\ndisk=["hda=/no/such,type=qcow2"]');
    const refusals = await Promise.all(
      [lab.service.revert("vm1", "lost", {}), lab.service.delete("vm1", "lost", {})].map((call) =>
        call.then(
          () => "done",
          (thrown: unknown) => (thrown as DomsnapError).message,
        ),
      ),
    );
    expect(refusals).to.deep.equal([
      "revert requires force: snapshot 'lost' lacks domain 'vm1' rollback info",
      "unsupported configuration: the snapshot holds no definition of its domain, and the image below '/no/such' cannot be told",
    ]);
    expect(lab.files().filter((file) => file !== "lock")).to.deep.equal(["snapshotdata-lost.xl"]);
    await lab.service.delete("vm1", "lost", { metadataOnly: true });
    expect(await lab.names()).to.deep.equal([]);
  });

  for (const [what, text, reason] of [
    ["broken syntax", "name=x y", "config parsing error"],
    ["another name", 'name="other"', "it describes snapshot 'other'"],
    ["no name", 'description="x"', "the snapshot has no name"],
  ] as const)
    it(`with ${what} are a problem that hides nothing`, async () => {
      await lab.create("s1");
      lab.put("bad", text);
      const { heads, problems } = await lab.service.list("vm1");
      expect(heads.map(({ name }) => name)).to.deep.equal(["s1"]);
      expect(problems[0]?.record).to.equal(lab.path("bad"));
      expect(problems[0]?.reason).to.contain(reason);
      expect((await lab.findings()).map(({ code }) => code)).to.deep.equal(["record-unreadable"]);
    });
});

/** Of so many runs one is done, others each day; VIEW_SWEEP_PART=1 does all. */
const RUNS_PART = 40;

describe("the crash sweep of records with information files, a sample", function () {
  this.timeout(patience(600_000));
  const folder = mkdtempSync(join(tmpdir(), "domsnap-view-program-"));
  const program = join(folder, "view-program.cjs");
  const part = Number(process.env["VIEW_SWEEP_PART"] ?? RUNS_PART);

  before(async () => {
    ensureBuilt();
    const root = join(import.meta.dirname, "../../..");
    await build({
      entryPoints: [join(import.meta.dirname, "support/view-program.ts")],
      outfile: program,
      bundle: true,
      platform: "node",
      format: "cjs",
      external: ["fs-native-extensions"],
      define: { "import.meta.url": "__filename", "process.env.DOMSNAP_VERSION": '"0"' },
      nodePaths: [join(root, "node_modules")],
      logLevel: "error",
    });
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const disks = [{ driver: "qemu", format: "qcow2" }] as const;
  const scenario = (name: string, snapshots: number, command: (guest: SweepGuest) => string[]) => ({
    name,
    disks,
    async prepare(guest: SweepGuest) {
      guest.program = program;
      guest.openService = openWithViews;
      for (let at = 1; at <= snapshots; at++) {
        const overlay = "<disk name='vda' snapshot='external'/>";
        guest.must("snapshot-create", "guest", guest.document(`s${at}`, overlay));
        await guest.write(at);
      }
    },
    command,
  });
  for (const one of [
    scenario("create", 1, (guest) => ["snapshot-create", "guest", guest.document("s2", "")]),
    scenario("edit", 1, () => ["snapshot-edit", "guest", "s1"]),
    scenario("revert", 2, () => ["snapshot-revert", "guest", "s1"]),
    scenario("delete", 2, () => ["snapshot-delete", "guest", "s1"]),
  ])
    it(`${one.name}: nothing is lost, and every view tells what its record says`, async () => {
      let seen = 0;
      const { points, runs } = await sweep(one, { pick: () => isOfToday(seen++, part) });
      expect(points.some((point) => point.includes("snapshotdata-"))).to.equal(true);
      expect(runs.filter(({ problem }) => problem !== undefined)).to.deep.equal([]);
    });
});
