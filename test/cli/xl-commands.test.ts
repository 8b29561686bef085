import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { completeLine } from "../../src/cli/complete-line.js";
import { COMMAND_TABLE } from "../../src/cli/command-table.js";
import { openSnapshotService } from "../../src/container.js";
import { LiveLab } from "../live/support/live-lab.js";
import { runInProcess, type CliRun } from "./run-in-process.js";
import { head, listing, stubService } from "./stub-service.js";

const UUID = "11111111-2222-4333-8444-555555555555";
const open = (uri: string) => openSnapshotService(uri);

/** A guest that is off, with two qcow2 disks that are called as xl calls them. */
class XlLab {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-xl-"));
  readonly uri = `file://${this.folder}`;
  readonly state = join(this.folder, "snapshots", UUID);

  constructor() {
    const disks = ["hda", "hdb"].map((target) => {
      const path = join(this.folder, `${target}.qcow2`);
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "1M"]);
      return (
        `<disk type='file' device='disk'><driver name='qemu' type='qcow2'/>` +
        `<source file='${path}'/><target dev='${target}' bus='ide'/></disk>`
      );
    });
    writeFileSync(
      join(this.folder, "vm1.xml"),
      `<domain type='xen'><name>vm1</name><uuid>${UUID}</uuid><memory unit='MiB'>64</memory>` +
        `<os><type>hvm</type></os><devices>${disks.join("")}<disk type='file' device='cdrom'>` +
        `<target dev='hdc' bus='ide'/><readonly/></disk></devices></domain>`,
    );
  }

  run(...words: string[]): Promise<CliRun> {
    return runInProcess(["-q", "-c", this.uri, ...words], { openService: open });
  }

  async must(...words: string[]): Promise<CliRun> {
    const run = await this.run(...words);
    expect(run.status, run.stderr).to.equal(0);
    return run;
  }

  config(text: string): string {
    const path = join(this.folder, "snap.conf");
    writeFileSync(path, text);
    return path;
  }

  tags(target: string): string[] {
    const image = join(this.folder, `${target}.qcow2`);
    const text = execFileSync("qemu-img", ["info", "--output=json", image], { encoding: "utf8" });
    const { snapshots = [] } = JSON.parse(text) as { snapshots?: { name: string }[] };
    return snapshots.map(({ name }) => name);
  }

  async snapshot(name: string) {
    const service = await openSnapshotService(this.uri);
    return service.get("vm1", name);
  }
}

describe("the commands that were proposed for xl", () => {
  let lab: XlLab;
  beforeEach(() => (lab = new XlLab()));
  afterEach(() => {
    rmSync(lab.folder, { recursive: true });
  });

  it("take, list, revert and delete with the RFC's arguments", async () => {
    await lab.must("xl", "snapshot-create", "-n", "s1", "vm1");
    expect([lab.tags("hda"), lab.tags("hdb")]).to.deep.equal([["s1"], ["s1"]]);
    const { stdout } = await lab.must("xl", "snapshot-list", "vm1");
    expect(stdout).to.match(
      /^\d{10} {2}s1 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4} {2}----- {2}Yes\n$/,
    );
    await lab.must("xl", "snapshot-revert", "-ns1", "vm1");
    await lab.must("xl", "snapshot-delete", "--name", "s1", "vm1");
    expect(lab.tags("hda")).to.deep.equal([]);
    expect((await lab.must("xl", "snapshot-list")).stdout).to.equal("");
  });

  it("name a snapshot by the second where nobody does", async () => {
    const before = Math.floor(Date.now() / 1000);
    await lab.must("xl", "snapshot-create", "vm1");
    await lab.must("xl", "snapshot-create", "vm1");
    const { stdout } = await lab.must("--json", "xl", "snapshot-list", "vm1");
    const { domains } = JSON.parse(stdout) as {
      domains: { snapshots: { name: string; creationTime: number }[] }[];
    };
    const names = domains[0]?.snapshots.map(({ name }) => Number(name)) ?? [];
    expect(names).to.have.length(2);
    expect(names[0]).to.be.within(before, before + 60);
    expect(names[1]).to.be.greaterThan(names[0] ?? 0);
  });

  it("read the keys of the third proposal, with files relative to the domain's folder", async () => {
    const file = lab.config(
      'description="before the upgrade"\nname="s1"\ntype="external"\nlive="no"\n' +
        "creationtime=\"7\"\nfuture=1\ndisk=[ 'hda=disk_hda.qcow2,type=qcow2' ]\n",
    );
    const { stderr } = await lab.must("xl", "snapshot-create", file, "vm1");
    expect(stderr).to.equal(
      `warning: ${file}: 'creationtime' has no effect: the time is that of the snapshot\n` +
        `warning: ${file}: 'future' is not known and has no effect\n`,
    );
    expect(existsSync(join(lab.state, "disk_hda.qcow2"))).to.equal(true);
    const { disks, description, creationTime } = await lab.snapshot("s1");
    expect(description).to.equal("before the upgrade");
    expect(Number(creationTime)).to.be.greaterThan(7);
    expect(disks.map(({ name, mode }) => [name, mode].join(" "))).to.deep.equal([
      "hda external",
      "hdb no",
      "hdc no",
    ]);
    // An overlay beside its record is no stranger there.
    expect((await lab.must("check", "vm1")).stdout).to.equal("");
    await lab.must("xl", "snapshot-delete", "-n", "s1", "vm1");
    expect(existsSync(join(lab.state, "disk_hda.qcow2"))).to.equal(false);
  });

  for (const [what, text] of [
    ["the small form", "disk=[ 'hda=', 'hdb=/F/b.qcow2,type=qcow2' ]"],
    [
      "disk specifications",
      "disk=[ 'vdev=hda,target=null', 'format=qcow2,vdev=hdb,target=/F/b.qcow2' ]",
    ],
    ["the ninth proposal's triples", "disk=[ ',,hda', '/F/b.qcow2,qcow2,hdb' ]"],
  ] as const)
    it(`take ${what}`, async () => {
      const file = lab.config(`snapshot_name="s1"\n${text.replace("/F/", `${lab.folder}/`)}`);
      await lab.must("xl", "snapshot-create", file, "vm1");
      expect(lab.tags("hda")).to.deep.equal(["s1"]);
      const [hda, hdb] = (await lab.snapshot("s1")).disks;
      expect(hda).to.include({ name: "hda", mode: "internal" });
      expect(hdb).to.deep.include({
        ...{ name: "hdb", mode: "external", format: "qcow2" },
        source: { path: join(lab.folder, "b.qcow2") },
      });
    });

  it("take libvirt's document, told by its content", async () => {
    const document =
      "\n <domainsnapshot><disks><disk name='hdb' snapshot='no'/></disks></domainsnapshot>";
    await lab.must("xl", "snapshot-create", lab.config(document), "-n", "s1", "vm1");
    expect([lab.tags("hda"), lab.tags("hdb")]).to.deep.equal([["s1"], []]);
    const utf16 = lab.config("");
    writeFileSync(utf16, Buffer.from(`\ufeff${document.trim()}`, "utf16le"));
    await lab.must("xl", "snapshot-create", utf16, "vm1");
    expect(lab.tags("hda")).to.have.length(2);
  });

  for (const [what, words, text, message] of [
    [
      "no domain",
      ["xl", "snapshot-create"],
      "",
      "'xl snapshot-create' requires at least 1 argument.",
    ],
    ["no name", ["xl", "snapshot-delete", "vm1"], "", "'xl snapshot-delete' requires option -n."],
    ["an unknown letter", ["xl", "snapshot-list", "-z"], "", "option `z' not supported."],
    [
      "a letter without its value",
      ["xl", "snapshot-revert", "vm1", "-n"],
      "",
      "option `n' requires an argument.",
    ],
    [
      "two names",
      ["xl", "snapshot-create", "FILE", "-n", "a", "vm1"],
      'name="b"',
      "the ConfigFile names the snapshot 'b', and -n names it 'a'",
    ],
    [
      "two names in XML",
      ["xl", "snapshot-create", "FILE", "-n", "a", "vm1"],
      "<domainsnapshot><name>b</name></domainsnapshot>",
      "the ConfigFile names the snapshot 'b', and -n names it 'a'",
    ],
    [
      "memory and --disk-only",
      ["xl", "snapshot-create", "FILE", "-D", "vm1"],
      'save="m"',
      "--disk-only contradicts the ConfigFile, which asks for memory",
    ],
    [
      "--live and not",
      ["xl", "snapshot-create", "FILE", "--live", "vm1"],
      'live="no"',
      '--live contradicts live="no" of the ConfigFile; leave one out',
    ],
  ] as const)
    it(`${what}: exit status 2, as xl's`, async () => {
      const file = lab.config(text);
      const run = await lab.run(...words.map((word) => (word === "FILE" ? file : word)));
      const hint = `hint: Run 'domsnap help ${words[0]} ${words[1]}'. (domsnap explain usage)`;
      const stderr = `error: ${message}\n${hint}\n`;
      expect(run).to.deep.equal({ status: 2, stdout: "", stderr });
      expect(existsSync(lab.state)).to.equal(false);
    });

  for (const [what, text, message] of [
    ["syntax", "name=snap", "config parsing error"],
    ["a word that is none", 'disk_only="maybe"', `'disk_only' is "yes" or "no", not "maybe"`],
    ["two places for the memory", 'save="a"\nmemory="b"', "'save' and 'memory' both tell"],
    ["memory and none", 'save="a"\ndisk_only="yes"', "'disk_only' contradicts 'save'"],
    ["a disk that is not there", "disk=['hdz=']", "no disk named 'hdz'"],
    [
      "a file for an internal snapshot",
      "type=\"internal\"\ndisk=['hda=/x,type=qcow2']",
      "requires use of external snapshot mode",
    ],
    ["memory of a guest that is off", 'save="a"', "memory state cannot be saved"],
    ["an unknown format", "disk=['hda=/x,type=zip']", "unknown image format 'zip'"],
  ] as const)
    it(`${what} in the ConfigFile: exit status 1, and nothing is changed`, async () => {
      const run = await lab.run("xl", "snapshot-create", lab.config(text), "vm1");
      expect(run.status).to.equal(1);
      expect(run.stderr).to.contain(message);
      expect(lab.tags("hda")).to.deep.equal([]);
    });

  it("say which snapshot or domain is not there, with status 1", async () => {
    await lab.must("xl", "snapshot-create", "-n", "s1", "vm1");
    for (const [words, message] of [
      [["xl", "snapshot-list", "-n", "nope"], "no domain snapshot with matching name 'nope'"],
      [
        ["xl", "snapshot-revert", "-n", "nope", "vm1"],
        "no domain snapshot with matching name 'nope'",
      ],
      [["xl", "snapshot-delete", "-n", "s1", "vm9"], "failed to get domain 'vm9'"],
    ] as const) {
      const run = await lab.run(...words);
      expect(run.status).to.equal(1);
      expect(run.stderr).to.contain(message);
    }
    const run = await lab.run("--json", "xl", "snapshot-delete", "vm1");
    expect(JSON.parse(run.stderr)).to.have.nested.property("error.exitStatus", 2);
  });

  it("list everything about one, and all domains together", async () => {
    const file = lab.config('name="s1"\ndescription="two\nlines"');
    expect((await lab.run("xl", "snapshot-create", file, "vm1")).status).to.equal(1);
    const good = lab.config('name="s1"\ndescription="two\\nlines"\ndisk=[\'hda=\']');
    await lab.must("xl", "snapshot-create", good, "vm1");
    await lab.must("xl", "snapshot-create", "-n", "s2", "vm1");
    const long = (await lab.must("xl", "snapshot-list", "-ln", "s1", "vm1")).stdout;
    expect(long.replace(/^.*\n/, "")).to.equal(
      [
        "    Description: two",
        "                 lines",
        "    Memory:      none",
        "    DEVICE  NAME  FORMAT  FILE",
        "    hda     s1    -       (internal)",
        "",
      ].join("\n"),
    );
    const all = await runInProcess(["-c", lab.uri, "xl", "snapshot-list"], { openService: open });
    const [header, first, second] = all.stdout.split("\n");
    expect(header).to.match(/^DOMAIN {2}TAG {9}NAME {2}DATE {23}STATE {2}DISK ONLY$/);
    expect([first, second].map((line) => line?.split(/ +/)[2])).to.deep.equal(["s1", "s2"]);
  });

  it("print the plan and change nothing with --dry-run", async () => {
    const { stdout } = await lab.must("xl", "snapshot-create", "-n", "s1", "--dry-run", "vm1");
    expect(stdout).to.match(/^Plan: create snapshot 's1' of domain 'vm1'\n/);
    expect(lab.tags("hda")).to.deep.equal([]);
  });
});

describe("the commands that were proposed for xl, on a running guest", function () {
  this.timeout(patience(180_000));
  let lab: LiveLab;
  beforeEach(async () => {
    lab = await LiveLab.open({ disks: 1 });
    await lab.wake();
  });
  afterEach(() => lab.close());

  const must = async (...words: string[]) => {
    const run = await runInProcess(["-c", lab.uri, ...words], { openService: open });
    expect(run.status, run.stderr).to.equal(0);
    return run;
  };

  it("save memory live into a file beside the record, and bring it back", async () => {
    const { stdout } = await must("xl", "snapshot-create", "--live", "-n", "s1", "guest");
    expect(stdout).to.match(/disks and memory at one instant/);
    const { memory } = await lab.service.get("guest", "s1");
    const { uuid } = await lab.find();
    const file = join(lab.folder, "snapshots", uuid, "s1.save");
    expect(memory).to.deep.equal({ mode: "external", file });
    expect((await must("xl", "snapshot-list", "guest")).stdout).to.match(/r---- {2}No\n/);
    const reports = await lab.service.check("guest");
    expect(reports.flatMap(({ findings }) => findings)).to.deep.equal([]);
    await must("xl", "snapshot-revert", "-n", "s1", "guest");
    await lab.steps(2);
    expect(lab.console.torn).to.deep.equal([]);
    await must("xl", "snapshot-delete", "-n", "s1", "guest");
    expect(existsSync(file)).to.equal(false);
  });

  it("keep memory inside without further words, and leave it out with --disk-only", async () => {
    await must("xl", "snapshot-create", "-n", "s1", "guest");
    expect((await lab.service.get("guest", "s1")).memory).to.deep.equal({ mode: "internal" });
    await must("xl", "snapshot-create", "-n", "s2", "-D", "guest");
    expect(await lab.service.get("guest", "s2")).to.deep.include({
      state: "disk-snapshot",
      memory: { mode: "no" },
    });
  });
});

describe("the connection of the xl commands", () => {
  const opened = async (argv: string[], env = {}) => {
    const uris: string[] = [];
    const openService = (uri: string) => {
      uris.push(uri);
      return Promise.resolve(stubService({ list: () => Promise.resolve(listing()) }));
    };
    await runInProcess(argv, { env, openService });
    return uris;
  };

  it("is Xen's, unless the user names one", async () => {
    expect(await opened(["xl", "snapshot-list"])).to.deep.equal(["xen:///system"]);
    expect(await opened(["-c", "test:///x", "xl", "snapshot-list"])).to.deep.equal(["test:///x"]);
    const env = { DOMSNAP_DEFAULT_URI: "test:///y" };
    expect(await opened(["xl", "snapshot-list"], env)).to.deep.equal(["test:///y"]);
  });

  it("is opened once, and beside that of other commands of the line", async () => {
    const env = { XDG_DATA_HOME: mkdtempSync(join(tmpdir(), "domsnap-home-")) };
    mkdirSync(join(env.XDG_DATA_HOME, "domsnap"));
    const uris = await opened(["xl snapshot-list; list; xl snapshot-list vm1"], env);
    expect(uris).to.have.length(2);
    expect(uris[0]).to.equal("xen:///system");
    expect(uris[1]).to.match(/^file:/);
    rmSync(env.XDG_DATA_HOME, { recursive: true });
  });
});

describe("completion of the xl commands in the shell", () => {
  const asked: (string | undefined)[] = [];
  const service = stubService({
    list: () => Promise.resolve(listing({ heads: [head("s1"), head("s2")] })),
  });
  const complete = (line: string) =>
    completeLine(line, COMMAND_TABLE, ({ defaultUri }) => {
      asked.push(defaultUri);
      return Promise.resolve(service);
    });

  for (const [line, candidates] of [
    ["xl snapshot-", ["snapshot-create", "snapshot-list", "snapshot-delete", "snapshot-revert"]],
    ["xl snapshot-revert -n s1 ", ["vm1"]],
    ["xl snapshot-revert vm1 -n ", ["s1", "s2"]],
    ["xl snapshot-create snap.conf ", ["vm1"]],
    ["xl snapshot-create -", ["-n", "--name", "-D"]],
  ] as const)
    it(line, async () => {
      expect((await complete(line))[0]).to.include.members([...candidates]);
    });

  it("asks Xen", () => {
    expect(new Set(asked)).to.deep.equal(new Set(["xen:///system"]));
  });
});
