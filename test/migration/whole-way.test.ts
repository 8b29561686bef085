import { expect } from "chai";
import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { parseDomain } from "../../src/xml/index.js";
import { runDomsnap, tryDomsnap } from "../e2e/support/run-domsnap.js";
import { contentOf, domainXml, fill, metadata, qemuImg } from "./support/import-lab.js";
import { LibvirtRoot } from "./support/libvirt-root.js";

const DOMAIN = "vm1";
const TARGETS = ["vda", "vdb"];
const NAMES = ["first", "second", "branch", "kept", "over"];

describe("a real guest of libvirt, with the command line", function () {
  this.timeout(patience(300_000));
  let libvirt: LibvirtRoot;
  let folder: string;
  const others: LibvirtRoot[] = [];
  before(ensureBuilt);
  beforeEach(() => {
    libvirt = new LibvirtRoot();
    folder = mkdtempSync(join(tmpdir(), "domsnap-way-"));
  });
  afterEach(() => {
    for (const root of [libvirt, ...others.splice(0)]) root.remove();
    rmSync(folder, { recursive: true });
  });

  const uri = () => pathToFileURL(folder).href;
  const domsnap = (...args: string[]) => runDomsnap(uri(), args);
  const present = (xml: string) =>
    parseDomain(xml).disks.map(({ source }) => source?.path ?? "no image");

  it("comes with all its snapshots, is reverted, thinned out, and goes back", () => {
    const contents = makeGuest();
    const before = libvirt.view(DOMAIN, NAMES);
    const [definition = ""] = libvirt.virsh(`dumpxml ${DOMAIN} --inactive`);

    domsnap("import", libvirt.metadata(DOMAIN), "--define");
    expect(domsnap("snapshot-list", DOMAIN, "--tree").trim()).to.equal(before.tree);
    expect(domsnap("snapshot-current", DOMAIN, "--name").trim()).to.equal("over");
    expect(present(domsnap("dumpxml", DOMAIN))).to.deep.equal(present(definition));
    // libvirt lets everybody read the overlays of a guest that is off.
    const findings = tryDomsnap(uri(), ["check", DOMAIN]).stdout.match(/(?<=^vm1: \w+ )[\w-]+/gm);
    expect(new Set(findings)).to.deep.equal(new Set(["file-open"]));
    domsnap("export", DOMAIN, join(folder, "untouched"), "--to", "libvirt");
    expect(loadElsewhere("untouched", definition).view(DOMAIN, NAMES)).to.deep.equal(before);

    const expectContent = (name: string) => {
      for (const path of present(domsnap("dumpxml", DOMAIN)))
        expect(contentOf(path), `${name}: ${path}`).to.equal(contents[name]);
    };
    expectContent("present");
    domsnap("snapshot-revert", DOMAIN, "over");
    expectContent("over");
    // Overlays keep the internal snapshots below from being reverted to.
    domsnap("snapshot-delete", DOMAIN, "over");
    domsnap("snapshot-delete", DOMAIN, "kept");
    expect(existsSync(join(libvirt.images, "kept.memory"))).to.equal(false);
    expectContent("over");
    for (const name of ["second", "first", "branch"]) {
      domsnap("snapshot-revert", DOMAIN, name);
      expectContent(name);
    }
    expect(domsnap("check", DOMAIN)).to.equal("");

    domsnap("export", DOMAIN, join(folder, "back"), "--to", "libvirt");
    const back = loadElsewhere("back", domsnap("dumpxml", DOMAIN));
    const { tree, current, documents } = back.view(DOMAIN, NAMES.slice(0, 3));
    expect(tree).to.equal("first\n  |\n  +- branch\n  +- second");
    expect(current).to.equal("branch");
    for (const [name, text] of Object.entries(documents))
      expect(text, name).to.equal(before.documents[name]);
    libvirt.giveAway();
    back.virsh(`snapshot-revert ${DOMAIN} second`);
    const [image = ""] = present(back.virsh(`dumpxml ${DOMAIN}`)[0] ?? "");
    expect(contentOf(image)).to.equal(contents["second"]);
  });

  it("goes on in its overlays where only the snapshots tell of it", () => {
    const contents = makeGuest();
    const copy = join(folder, "copy");
    cpSync(libvirt.metadata(DOMAIN), copy, { recursive: true });
    domsnap("import", copy, "--define");
    const images = present(domsnap("dumpxml", DOMAIN));
    expect(images).to.deep.equal(TARGETS.map((target) => join(libvirt.images, `${target}.over`)));
    for (const path of images) expect(contentOf(path)).to.equal(contents["present"]);
  });

  it("goes on in its overlays where snapshots of one second stand in no order", () => {
    const image = join(folder, "vda.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", image, "1M");
    const domain = parseDomain(domainXml(folder));
    const internal = (name: string) => metadata(name, { domain });
    const source = { path: join(folder, "vda.over") };
    const disks = [
      { name: "vda", mode: "external", type: "file", format: "qcow2", source },
    ] as const;
    const texts = [
      internal("a"),
      metadata("over", { domain, disks, parent: "a" }),
      internal("elsewhere").replace("<creationTime>17", "<creationTime>18"),
    ].map((text) => text.replace(/ *<active>.*\n/, ""));
    const stream = join(folder, "stream.xml");
    writeFileSync(stream, texts.slice(0, 2).join(""));
    domsnap("import", stream, "--define", "--metadata");
    expect(present(domsnap("dumpxml", DOMAIN))).to.deep.equal([source.path]);

    // A later one stands on the image that is frozen: nobody knows what the domain goes on with.
    domsnap("undefine", DOMAIN, "--snapshots-metadata");
    writeFileSync(stream, texts.join(""));
    const { status, stderr } = tryDomsnap(uri(), ["import", stream, "--define", "--metadata"]);
    expect(status).to.equal(1);
    expect(stderr).to.include("which snapshot 'over' has put on it");
    expect(domsnap("list", "--all", "--name").trim()).to.equal("");
  });

  /** Snapshots of every kind that libvirt takes of real images; gives their contents by name. */
  function makeGuest(): Record<string, string> {
    const contents: Record<string, string> = {};
    const write = (name: string, byte: number) => {
      const [definition = domainXml(libvirt.images, { disks: TARGETS })] =
        byte === 1 ? [] : libvirt.virsh(`dumpxml ${DOMAIN} --inactive`);
      for (const path of present(definition)) {
        fill(path, byte);
        contents[name] = contentOf(path);
      }
      libvirt.giveAway();
    };
    for (const target of TARGETS)
      qemuImg("create", "-q", "-f", "qcow2", join(libvirt.images, `${target}.qcow2`), "1M");
    libvirt.define(domainXml(libvirt.images, { disks: TARGETS }));
    write("first", 1);
    libvirt.virsh(`snapshot-create-as ${DOMAIN} first --description "the <first>"`);
    write("second", 2);
    libvirt.virsh(`snapshot-create-as ${DOMAIN} second`, `snapshot-revert ${DOMAIN} first`);
    write("branch", 3);
    libvirt.virsh(`snapshot-create-as ${DOMAIN} branch`);
    write("kept", 4);
    const memory = `file=${join(libvirt.images, "kept.memory")},snapshot=external`;
    libvirt.virsh(
      `start ${DOMAIN} --paused`,
      `snapshot-create-as ${DOMAIN} kept --memspec ${memory}`,
      `destroy ${DOMAIN}`,
    );
    write("over", 5);
    libvirt.virsh(`snapshot-create-as ${DOMAIN} over --disk-only`);
    write("present", 6);
    return contents;
  }

  /** Another libvirt with the same images, which loads what was exported. */
  function loadElsewhere(exported: string, definition: string): LibvirtRoot {
    const root = new LibvirtRoot();
    others.push(root);
    root.define(definition);
    cpSync(join(folder, exported), root.metadata(DOMAIN), { recursive: true });
    return root;
  }
});
