import { expect } from "chai";
import { chmodSync, cpSync, existsSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { readText } from "../../scripts/generate-docs.js";
import {
  DOMAIN,
  GuideLibvirt,
  GuideReader,
  NAMES,
  TREE,
  type LineResult,
} from "../migration/support/guide-lab.js";
import { contentOf, domainXml, qemuImg } from "../migration/support/import-lab.js";
import { LibvirtRoot } from "../migration/support/libvirt-root.js";

interface Case {
  /** What a reader of this line has done before, beyond the lines above it. */
  readonly given?: (reader: GuideReader) => void;
  /** Runs it in a way of its own. */
  readonly run?: (reader: GuideReader, line: string) => LineResult;
  readonly status?: number;
  /** Looks whether what the guide promises has come true. */
  readonly promise: (reader: GuideReader, output: string) => void | Promise<void>;
}

/** How a command is called in general: no example. */
const FORMS = ["domsnap import SOURCE", "domsnap export DOMAIN FOLDER"];

/**
 * The examples, block by block: a block's lines follow upon one another. Commands within a sentence
 * belong to the block before them.
 */
function readBlocks(): string[][] {
  const blocks: string[][] = [[]];
  let below = false;
  for (const part of readText("docs/migration.md").split(/\n\n+/)) {
    const isCode = part.startsWith("    ");
    if (isCode || part.startsWith("#") || !below) blocks.push([]);
    below = isCode || (below && !part.startsWith("#"));
    const lines = isCode
      ? part.split("\n").map((line) => line.trim())
      : [...part.matchAll(/`(domsnap [^`]*)`/g)].map(([, code = ""]) => code.replace(/\s+/g, " "));
    blocks.at(-1)?.push(...lines.filter((line) => !FORMS.includes(line)));
  }
  return blocks.filter((lines) => lines.length > 0);
}

/** All of libvirt's snapshots are recorded, and nothing but open files is found. */
async function expectGuest(reader: GuideReader, current: string | undefined): Promise<void> {
  expect(await reader.state()).to.deep.equal({
    tree: TREE,
    current,
    images: [reader.source.overlay],
    findings: ["file-open"],
  });
}

async function expectRecorded(reader: GuideReader, output: string): Promise<void> {
  expect(output).to.match(/ 2 recorded \(0 adapted\), 0 unchanged, 0 skipped\n/);
  await expectGuest(reader, reader.source.view.current);
}

/** A domsnap that has the guest of libvirt with all its snapshots. */
function imported(reader: GuideReader): void {
  reader.must(`domsnap import /var/lib/libvirt/qemu/snapshot/${DOMAIN} --define`);
}

describe("docs/migration.md", function () {
  this.timeout(patience(120_000));
  let source: GuideLibvirt;
  let reader: GuideReader;
  const others: LibvirtRoot[] = [];
  before(() => {
    ensureBuilt();
    source = new GuideLibvirt();
  });
  after(() => source.root.remove());
  beforeEach(() => {
    reader = new GuideReader(source);
  });
  afterEach(() => {
    reader.remove();
    for (const root of others.splice(0)) root.remove();
  });

  /** Another libvirt that has the domain, on the same images. */
  function otherLibvirt(): LibvirtRoot {
    const root = new LibvirtRoot();
    others.push(root);
    root.learnFrom(source.root);
    root.define(source.definition);
    return root;
  }

  const cases: Readonly<Record<string, Case>> = {
    "domsnap import /var/lib/libvirt/qemu/snapshot/vm1 --define": { promise: expectRecorded },
    "domsnap import /var/lib/libvirt/qemu/snapshot --domain vm1": {
      given: () => {
        reader.onAnotherHost();
        reader.define();
      },
      promise: expectRecorded,
    },
    "domsnap check vm1": {
      status: 1,
      promise: (_, output) => {
        expect(output).to.include("file-open").and.to.include(source.overlay);
        expect(output).to.include("--repair");
      },
    },
    "domsnap check vm1 --repair": {
      run: (_, line) => reader.run(line, { answer: "yes\n" }),
      promise: async (_, output) => {
        expect(output).to.include(source.overlay).and.to.include("(yes/no)");
        expect((await reader.state()).findings).to.deep.equal([]);
        // libvirt still can go on.
        expect(source.root.view(DOMAIN, NAMES)).to.deep.equal(source.view);
        source.root.run("qemu-io", "-f", "qcow2", "-c", "write -q 0 512", source.overlay);
      },
    },
    "domsnap import qemu:///system --domain vm1": {
      given: () => reader.define(),
      promise: expectRecorded,
    },
    "domsnap import qemu+ssh://host/system --domain vm1 --metadata": {
      given: () => {
        reader.onAnotherHost();
        reader.define();
      },
      promise: expectRecorded,
    },
    "for s in $(virsh snapshot-list vm1 --name); do virsh snapshot-dumpxml vm1 $s; done > vm1.snapshots":
      {
        promise: () => {
          expect(existsSync(join(reader.folder, "vm1.snapshots"))).to.equal(true);
        },
      },
    "domsnap import vm1.snapshots --define": {
      promise: async (_, output) => {
        expect(output).to.include(`goes on with ${source.overlay}`);
        await expectGuest(reader, undefined);
      },
    },
    "domsnap import /var/lib/xen/snapshots/UUID": {
      given: () => {
        imported(reader);
        reader.must(`domsnap export ${DOMAIN} /var/lib/xen/snapshots/UUID --to xl`);
        reader.onAnotherHost();
        reader.define();
      },
      promise: async (_, output) => {
        expect(output).to.include("2 recorded").and.to.include("0 skipped");
        await expectGuest(reader, undefined);
      },
    },
    "domsnap import images --domain vm1": {
      given: () => {
        const image = (name: string) => join(reader.folder, name);
        for (const name of ["vda.qcow2", "vdb.qcow2"])
          qemuImg("create", "-q", "-f", "qcow2", image(name), "1M");
        qemuImg("snapshot", "-c", "tagged", image("vda.qcow2"));
        const below = ["-b", image("vdb.qcow2"), "-F", "qcow2"];
        qemuImg("create", "-q", "-f", "qcow2", ...below, image("vdb.before"));
        const definition = domainXml(reader.folder, { disks: ["vda", "vdb"] });
        reader.define(definition.replace("vdb.qcow2", "vdb.before"));
      },
      promise: async (_, output) => {
        expect(output).to.include("2 recorded").and.to.include("0 skipped");
        const { tree, findings } = await reader.state();
        expect(tree).to.have.keys("before", "tagged");
        // qemu-img lets everybody read what it makes, too.
        expect(findings).to.deep.equal(["file-open"]);
        for (const name of ["tagged", "before"])
          reader.must(`domsnap snapshot-revert ${DOMAIN} ${name}`);
      },
    },
    "domsnap import /var/lib/libvirt/qemu/snapshot/vm1 --to xen --domain vm1": {
      given: () => {
        const xen = source.definition.replace("type='qemu'", "type='xen'");
        reader.define(xen.replaceAll("'vda'", "'xvda'").replaceAll("'virtio'", "'xen'"));
      },
      promise: async (_, output) => {
        expect(output).to.include("vda -> xvda").and.to.include("2 recorded (2 adapted)");
        await expectGuest(reader, source.view.current);
        expect(reader.must(`domsnap snapshot-dumpxml ${DOMAIN} outside`)).to.include("name='xvda'");
      },
    },
    "domsnap export vm1 /tmp/vm1 --to libvirt": {
      given: imported,
      promise: () => {
        const other = otherLibvirt();
        cpSync(reader.path("/tmp/vm1"), other.metadata(DOMAIN), { recursive: true });
        expect(other.view(DOMAIN, NAMES)).to.deep.equal(source.view);
      },
    },
    "domsnap export vm1 /tmp/vm1 --to redefine": {
      given: (someone) => {
        imported(someone);
        someone.target = otherLibvirt();
      },
      promise: () => {
        expect(existsSync(reader.path("/tmp/vm1/redefine.sh"))).to.equal(true);
      },
    },
    "sh /tmp/vm1/redefine.sh -c qemu:///system": {
      given: () => {
        // virsh reads the documents as the user that it runs as here.
        chmodSync(reader.folder, 0o755);
        reader.target.giveAway(reader.path("/tmp/vm1"));
      },
      promise: () => {
        expect(reader.target.view(DOMAIN, NAMES)).to.deep.equal(source.view);
      },
    },
    "domsnap export vm1 /tmp/vm1 --to xl": {
      given: imported,
      promise: (_, output) => {
        for (const name of NAMES)
          expect(existsSync(reader.path(`/tmp/vm1/snapshotdata-${name}.xl`)), name).to.equal(true);
        expect(output).to.include("parent");
      },
    },
    "domsnap translate SNAP.xml --domain DOMAIN.xml --to plan|libxl-json|xl": {
      given: () => {
        const write = (name: string, text: string) =>
          writeFileSync(join(reader.folder, name), text);
        write("SNAP.xml", source.view.documents["outside"] ?? "");
        write("DOMAIN.xml", source.definition);
      },
      run: (_, line) => {
        const [before = "", choice = ""] = line.split("plan|");
        const lines = ["plan", ...choice.split("|")].map((to) => `${before}${to}`);
        expect(lines).to.have.length(3);
        return reader.run(lines.join("\n"));
      },
      promise: (_, output) => {
        expect(output).to.include("outside");
      },
    },
    "domsnap export vm1 /backup/vm1 --images": {
      given: imported,
      promise: () => {
        expect(existsSync(reader.path("/backup/vm1/manifest.json"))).to.equal(true);
      },
    },
    "# copy the folder, then there:": {
      promise: () => {
        const folder = reader.path("/backup/vm1");
        cpSync(folder, `${folder}.copy`, { recursive: true });
        renameSync(folder, join(dirname(folder), "at the old host"));
        renameSync(`${folder}.copy`, folder);
        reader.onAnotherHost();
      },
    },
    "domsnap import /backup/vm1 --define": {
      promise: async () => {
        const { images, ...state } = await reader.state();
        const { current } = source.view;
        expect(state).to.deep.equal({ tree: TREE, current, findings: [] });
        const [image = ""] = images;
        expect(dirname(image)).to.equal(reader.path("/backup/vm1/images"));
        expect(contentOf(image)).to.equal(contentOf(source.overlay));
      },
    },
  };

  const blocks = readBlocks();

  it("has no example that is not tried here, and none is tried that it does not have", () => {
    const lines = blocks.flat();
    expect(lines.filter((line) => !(line in cases))).to.deep.equal([]);
    expect(Object.keys(cases).filter((line) => !lines.includes(line))).to.deep.equal([]);
  });

  for (const block of blocks)
    it(`keeps what it promises of: ${block[0] ?? ""}`, async () => {
      for (const line of block) {
        const { given, run, status, promise } = cases[line] ?? expect.fail(`no case for: ${line}`);
        given?.(reader);
        const result = run?.(reader, line) ?? reader.run(line);
        expect(result.status, `${line}\n${result.output}`).to.equal(status ?? 0);
        await promise(reader, result.output);
      }
    });
});
