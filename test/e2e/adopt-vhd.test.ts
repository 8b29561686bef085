import { execFileSync } from "node:child_process";
import { unlinkSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { fileName, formatSrFile, madeAt, uuidName, XenServerLab } from "./support/xenserver-lab.js";

interface ImportReport {
  readonly snapshots: readonly {
    readonly name?: string;
    readonly outcome: string;
    readonly details: readonly string[];
  }[];
}

describe("VHD chains that XenServer made, through the command line", function () {
  let lab: XenServerLab;
  beforeEach(() => {
    lab = new XenServerLab();
  });
  afterEach(() => {
    lab.remove();
  });

  const [base0, base1, other] = ["base0", "base1", "other"].map(uuidName) as [
    string,
    string,
    string,
  ];
  const adopt = (...options: string[]) =>
    lab.domsnap("import", "images", "--domain", "guest", ...options);
  const names = () => lab.domsnap("snapshot-list", "guest", "--name").trim().split("\n").sort();
  const creationTime = (name: string) =>
    /<creationTime>(\d+)</.exec(lab.domsnap("snapshot-dumpxml", "guest", name))?.[1];

  it("are as libvhdi reads them", () => {
    const info = execFileSync("vhdiinfo", [lab.path("active")], { encoding: "utf8" });
    expect(info).to.match(/Disk type\s+: Differential/);
    expect(info).to.include(`Parent filename\t\t: ${fileName("base1")}`);
  });

  it("are found by a check", () => {
    const { status, stdout } = lab.try("check", "guest");
    expect(status).to.equal(0);
    for (const name of ["base0", "base1", "other"]) expect(stdout).to.include(lab.path(name));
    expect(stdout).to.include("import images");
    for (const leaf of ["snap0", "snap1"]) expect(stdout).not.to.include(lab.path(leaf));
  });

  it("are listed with all that stands on them, and nothing is changed", () => {
    const before = lab.bytes();
    const text = adopt("--dry-run");
    expect(text).to.include(
      `told from backing files: ${lab.path("active")} on ${lab.path("base1")}`,
    );
    expect(text).to.include(
      `${lab.path("base0")} is marked hidden, as XenServer marks a base copy`,
    );
    for (const [leaf, base] of [
      ["snap0", "base0"],
      ["snap1", "base1"],
    ] as const)
      expect(text).to.include(`${lab.path(leaf)} stands on ${lab.path(base)}, too`);
    expect(names()).to.deep.equal([""]);
    expect(lab.bytes()).to.deep.equal(before);
  });

  it("are adopted, a snapshot for each state, in the order of their making, and once", () => {
    const before = lab.bytes();
    adopt();
    expect(names()).to.deep.equal([base0, base1, other].sort());
    expect(lab.domsnap("snapshot-parent", "guest", other).trim()).to.equal(base0);
    expect(lab.domsnap("snapshot-parent", "guest", base1).trim()).to.equal(other);
    expect([base0, other, base1].map(creationTime)).to.deep.equal(
      [2, 3, 5].map((hour) => String(madeAt(hour))),
    );
    const again = JSON.parse(adopt("--json")) as ImportReport;
    expect(again.snapshots.map(({ outcome }) => outcome)).to.deep.equal(Array(3).fill("unchanged"));
    expect(lab.bytes()).to.deep.equal(before);
    const { status, stdout } = lab.try("check", "guest");
    for (const leaf of ["snap0", "snap1"])
      expect(stdout).to.include(`overlay-unknown: ${lab.path(leaf)}`);
    expect(stdout).not.to.include("image-unrecorded");
    expect(status, "strangers stand on what is recorded now").to.equal(1);
  });

  it("are gone back to, and XenServer's own snapshots stay", () => {
    adopt();
    const kept = ["base0", "base1", "snap0", "snap1", "second"].map((name) => lab.contentOf(name));
    lab.domsnap("snapshot-revert", "guest", base0);
    expect(lab.contentOf("active")).to.equal(lab.contentOf("base0"));
    lab.domsnap("snapshot-revert", "guest", base1);
    expect(lab.contentOf("active")).to.equal(lab.contentOf("base1"));
    expect(
      ["base0", "base1", "snap0", "snap1", "second"].map((name) => lab.contentOf(name)),
    ).to.deep.equal(kept);
  });

  it("are not merged as long as XenServer's snapshot stands on them, and are afterwards", () => {
    adopt();
    const before = lab.bytes();
    const refused = lab.try("snapshot-delete", "guest", base1);
    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.include("multiple children");
    expect(lab.bytes()).to.deep.equal(before);
    unlinkSync(lab.path("snap1"));
    const present = lab.contentOf("active");
    lab.domsnap("snapshot-delete", "guest", base1);
    expect(lab.contentOf("active")).to.equal(present);
    expect(names()).to.deep.equal([base0, other].sort());
    lab.domsnap("snapshot-delete", "guest", other);
    expect(Object.keys(lab.bytes())).to.deep.equal(
      ["base0", "snap0", "active", "second"].map(fileName).sort(),
    );
  });

  it("are left out with the reason when a parent is another file than the one they were made of", () => {
    const restored = { name: "base1", parent: "base0", hidden: true, hour: 9 };
    const bytes = formatSrFile(restored);
    const stranger = formatSrFile({ ...restored, name: "stranger" });
    expect(stranger.equals(bytes)).to.equal(false);
    writeFileSync(lab.path("base1"), stranger);
    const { status, stdout } = lab.try("import", "images", "--domain", "guest");
    expect(status).to.equal(1);
    expect(stdout).to.include("is another image than it was made of");
    expect(names(), "the other disk's chain is good").to.deep.equal([other]);
  });

  it("are left out with the reason when a part is missing", () => {
    unlinkSync(lab.path("base0"));
    const { status, stdout } = lab.try("import", "images", "--domain", "guest");
    expect(status).to.equal(1);
    expect(stdout).to.include(`cannot access image '${lab.path("base0")}'`);
    expect(names()).to.deep.equal([other]);
  });
});
