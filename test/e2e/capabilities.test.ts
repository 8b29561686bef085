import { writeFileSync } from "node:fs";

import { expect } from "chai";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { createContainer, openSnapshotService } from "../../src/container.js";
import { RANK } from "../../src/core/model/index.js";
import type { DiskCapabilities, ServiceOptions } from "../../src/core/operations/shared/results.js";
import { GuestLab } from "./support/guest-lab.js";
import { wholeFilesModule } from "./support/whole-files.js";

interface Listed {
  readonly domains: readonly {
    readonly name: string;
    readonly disks: readonly DiskCapabilities[];
  }[];
}

/** A form in a line: what it is, by whom, and whether it is the default and possible. */
function lineOf({ mode, format, backend, byDefault, verdict }: DiskCapabilities["forms"][number]) {
  const marks = [byDefault ? "default" : "", verdict.possible ? "" : "impossible"];
  return [mode, format ?? "", backend ?? "nobody", ...marks]
    .filter((word) => word !== "")
    .join(" ");
}

describe("capabilities", function () {
  this.timeout(120_000);
  before(ensureBuilt);

  let lab: GuestLab;
  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => {
    lab.remove();
  });

  function listed(): Record<string, DiskCapabilities> {
    const { domains } = JSON.parse(lab.domsnap("capabilities", "guest", "--json")) as Listed;
    return Object.fromEntries((domains[0]?.disks ?? []).map((disk) => [disk.target, disk]));
  }

  /** The forms of the qcow2 disk with one backend more. */
  async function withWholeFiles(rank?: number, options?: ServiceOptions) {
    const container = createContainer([wholeFilesModule(rank)]);
    const service = await openSnapshotService(lab.uri, container, options);
    const disks = await service.diskCapabilities("guest");
    return disks.find(({ target }) => target === "vdb")?.forms.map(lineOf);
  }

  it("are the forms of the backends, with who takes them and what is the default", () => {
    const { vda, vdb, hdc } = listed();
    expect(vda?.forms.map(lineOf)).to.deep.equal([
      "internal qdisk impossible",
      "external qcow2 qdisk default",
      "external raw dd",
    ]);
    expect(vdb?.forms.map(lineOf)).to.deep.equal([
      "internal qdisk default",
      "external qcow2 qdisk default",
      "external raw nobody impossible",
    ]);
    expect(hdc?.forms).to.deep.equal([]);
    expect(vda?.forms[2]?.offer).to.deep.equal({
      rank: RANK.generic,
      reason: "any raw image can be copied whole",
    });
    expect(vdb?.forms[2]).not.to.have.property("offer");
  });

  it("are what a snapshot takes that says no more than the mode", async () => {
    const { vda, vdb } = listed();
    lab.domsnap("snapshot-create-as", "guest", "s", "--disk-only");
    const { disks } = await (await lab.service()).get("guest", "s");
    for (const disk of [vda, vdb]) {
      const taken = disks.find(({ name }) => name === disk?.target);
      const told = disk?.forms.find(({ mode, byDefault }) => mode === "external" && byDefault);
      expect([told?.backend, told?.format]).to.deep.equal([taken?.backend, taken?.format]);
    }
  });

  it("are shown as a table with the reasons, what stands against a form, and who is left out", () => {
    const definition = `${lab.folder}/guest.xml`;
    const present = lab.domsnap("dumpxml", "guest");
    writeFileSync(definition, present.replace("<disk ", "<disk snapshot='no' "));
    lab.domsnap("define", definition);
    const text = lab.domsnap("capabilities", "guest");
    expect(text).to.match(/^ Disk +Snapshot +Backend +By default +Possible +Because$/m);
    expect(text).to.match(/^ vda +external raw +dd +no +yes +any raw image can be copied whole$/m);
    expect(text).to.match(/^ vdb +internal +qdisk +yes +yes +qcow2 images hold snapshots inside$/m);
    expect(text).to.match(/^ vdb +external raw +- +no +no +see below$/m);
    expect(text).to.include(
      "  vdb, external raw: no disk backend takes this form of a qcow2 disk\n",
    );
    expect(text).to.include("  vda: takes part only if a snapshot names it\n");
  });

  it("grow by those of an outside backend, behind whoever suits better", async () => {
    expect(await withWholeFiles()).to.deep.equal([
      "internal qdisk default",
      "external qcow2 qdisk default",
      "external qcow2 whole-files",
      "external raw nobody impossible",
    ]);
  });

  it("put an outside backend first that suits better, or is the default of the connection", async () => {
    const first = [
      "internal qdisk default",
      "external qcow2 whole-files default",
      "external qcow2 qdisk",
      "external raw nobody impossible",
    ];
    expect(await withWholeFiles(RANK.native + 1)).to.deep.equal(first);
    expect(
      await withWholeFiles(RANK.generic, { backends: { default: "whole-files" } }),
    ).to.deep.equal(first);
  });
});
