import { execFileSync } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { formatEmptyVhd, hostImageFiles, openVhd } from "../../src/formats/vhd/index.js";
import { TapLab, type TapContents } from "./support/tap-lab.js";

describe("tapdisk's disks through the command line", function () {
  let lab: TapLab;
  beforeEach(async () => {
    lab = await TapLab.create();
  });
  afterEach(() => {
    lab.remove();
  });

  const create = async (name: string, byte: number): Promise<TapContents> => {
    await lab.write(byte);
    const kept = await lab.contents();
    lab.domsnap("snapshot-create-as", "xenguest", name, "--disk-only");
    return kept;
  };

  it("creates three snapshots, deletes the middle one, reverts to the first, deletes all", async () => {
    const first = await create("first", 1);
    const second = await create("second", 2);
    expect(await lab.contentsOf("first")).to.deep.equal(first);
    const third = await create("third", 3);
    await lab.write(4);
    const present = await lab.contents();
    const paths = (await lab.active())["xvda"]?.path;
    expect(paths, "the domain's path stays").to.equal(lab.path("a.vhd"));
    for (const [name, kept] of Object.entries({ first, second, third }))
      expect(await lab.contentsOf(name), name).to.deep.equal(kept);

    lab.domsnap("snapshot-delete", "xenguest", "second");
    expect(await lab.contents()).to.deep.equal(present);
    expect(await lab.contentsOf("first")).to.deep.equal(first);
    expect(await lab.contentsOf("third")).to.deep.equal(third);

    lab.domsnap("snapshot-revert", "xenguest", "first");
    expect(await lab.contents()).to.deep.equal(first);
    expect(await lab.contentsOf("first")).to.deep.equal(first);
    expect(await lab.contentsOf("third")).to.deep.equal(third);
    await lab.write(5);
    const changed = await lab.contents();

    lab.domsnap("snapshot-delete", "xenguest", "third");
    expect(await lab.contents()).to.deep.equal(changed);
    expect(await lab.contentsOf("first")).to.deep.equal(first);

    lab.domsnap("snapshot-delete", "xenguest", "first");
    expect(await lab.contents()).to.deep.equal(changed);
    expect(lab.imageFiles()).to.deep.equal(["a.vhd", "b.vhd", "c.img"]);
    expect(lab.domsnap("snapshot-list", "xenguest", "--name").trim()).to.equal("");
  });

  it("goes to any snapshot and back, with branches", async () => {
    const kept: Record<string, TapContents> = {};
    kept["one"] = await create("one", 11);
    kept["two"] = await create("two", 12);
    lab.domsnap("snapshot-revert", "xenguest", "one");
    expect(await lab.contents()).to.deep.equal(kept["one"]);
    kept["three"] = await create("three", 13);
    lab.domsnap("snapshot-revert", "xenguest", "two");
    expect(await lab.contents()).to.deep.equal(kept["two"]);
    kept["four"] = await create("four", 14);
    lab.domsnap("snapshot-revert", "xenguest", "three");
    expect(await lab.contents()).to.deep.equal(kept["three"]);
    for (const [name, state] of Object.entries(kept))
      expect(await lab.contentsOf(name), name).to.deep.equal(state);

    const refused = lab.try("snapshot-delete", "xenguest", "one");
    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.include("multiple children");
    for (const name of ["four", "two", "one"]) {
      lab.domsnap("snapshot-delete", "xenguest", name);
      delete kept[name];
      expect(await lab.contents(), name).to.deep.equal(kept["three"]);
      for (const [other, state] of Object.entries(kept))
        expect(await lab.contentsOf(other), other).to.deep.equal(state);
    }
    lab.domsnap("snapshot-delete", "xenguest", "three");
    expect(lab.imageFiles()).to.deep.equal(["a.vhd", "b.vhd", "c.img"]);
  });

  it("goes on in a file that the document names", async () => {
    await lab.write(21);
    const kept = await lab.contents();
    const file = lab.path("overlay.vhd");
    lab.domsnap(
      ...["snapshot-create-as", "xenguest", "named", "--disk-only"],
      ...["--diskspec", `xvda,file=${file}`, "--diskspec", "xvdb,snapshot=no"],
      ...["--diskspec", "xvdc,snapshot=no"],
    );
    expect((await lab.active())["xvda"]?.path).to.equal(file);
    await lab.write(22);
    const present = await lab.contents();
    expect((await lab.contentsOf("named"))["xvda"]).to.equal(kept["xvda"]);
    lab.domsnap("snapshot-delete", "xenguest", "named");
    expect(await lab.contents()).to.deep.equal(present);
    expect((await lab.active())["xvda"]?.path).to.equal(file);
    expect(lab.imageFiles()).to.deep.equal(["b.vhd", "c.img", "overlay.vhd"]);
  });

  it("says why it takes no internal snapshot", async () => {
    const before = lab.imageFiles();
    const { status, stderr } = lab.try("snapshot-create-as", "xenguest", "inside");
    expect(status).to.equal(1);
    expect(stderr).to.include("internal snapshot for disk xvda unsupported");
    expect(lab.imageFiles()).to.deep.equal(before);
    await lab.contents();
  });

  it("finds an overlay that QEMU has written to, touches it no more, and goes back", async () => {
    const kept = await create("good", 41);
    execFileSync("qemu-io", ["-f", "vpc", "-c", "write -q -P 7 1M 64k", lab.path("a.vhd")]);
    const files = lab.imageFiles();
    const check = lab.try("check", "xenguest");
    expect(check.status).to.equal(1);
    expect(check.stdout).to.include("image-unreadable").and.to.include("how QEMU leaves a VHD");
    for (const verb of ["snapshot-create-as", "snapshot-delete"]) {
      const refused = lab.try(
        verb,
        "xenguest",
        ...(verb.endsWith("as") ? ["new", "--disk-only"] : ["good"]),
      );
      expect(refused.status, verb).to.equal(1);
      expect(refused.stderr).to.include(`image '${lab.path("a.vhd")}' cannot be used`);
    }
    expect(lab.imageFiles()).to.deep.equal(files);
    lab.domsnap("snapshot-revert", "xenguest", "good");
    expect(await lab.contents()).to.deep.equal(kept);
    expect(lab.try("check", "xenguest").status).to.equal(0);
  });

  it("adopts a chain that another tool made", async () => {
    await lab.write(31);
    const kept = await lab.contents();
    // As vhd-util does it: the base keeps its name, and the disk gets another one.
    const inner = lab.path("inner.vhd");
    renameSync(lab.path("a.vhd"), inner);
    const base = await openVhd(hostImageFiles, inner);
    await base.layer.close();
    const { sizeBytes } = base.layer;
    const parent = { path: inner, uuid: base.footer.uuid, changedMs: 0 };
    const overlay = formatEmptyVhd({ sizeBytes, finalPath: lab.path("a.vhd"), parent });
    writeFileSync(lab.path("a.vhd"), overlay);
    await lab.write(32);
    const present = await lab.contents();

    const { definition } = await (await lab.service()).findDomain("xenguest");
    const document = lab.path("../adopted.xml");
    writeFileSync(
      document,
      "<domainsnapshot><name>adopted</name><state>shutoff</state>" +
        "<creationTime>1700000000</creationTime><disks>" +
        `<disk name='xvda' snapshot='external'><driver type='vhd'/><source file='${lab.path("a.vhd")}'/></disk>` +
        "<disk name='xvdb' snapshot='no'/><disk name='xvdc' snapshot='no'/></disks>" +
        `${definition.xml.replace(lab.path("a.vhd"), inner)}</domainsnapshot>`,
    );
    lab.domsnap("snapshot-create", "xenguest", document, "--redefine");
    expect((await lab.contentsOf("adopted"))["xvda"]).to.equal(kept["xvda"]);
    expect(await lab.contents()).to.deep.equal(present);
    lab.domsnap("snapshot-revert", "xenguest", "adopted");
    expect((await lab.contents())["xvda"]).to.equal(kept["xvda"]);
    await lab.write(33);
    const changed = await lab.contents();
    lab.domsnap("snapshot-delete", "xenguest", "adopted");
    expect(await lab.contents()).to.deep.equal(changed);
    expect(lab.imageFiles()).to.deep.equal(["a.vhd", "b.vhd", "c.img"]);
  });
});
