import { expect } from "chai";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { createContainer, openSnapshotService } from "../../src/container.js";
import { operationsOf } from "../../src/core/plan/plan-operations.js";
import { RANK } from "../../src/core/model/index.js";
import type { ServiceOptions } from "../../src/core/operations/shared/results.js";
import type { SnapshotService } from "../../src/core/operations/snapshot-service.js";
import { expectError } from "../../src/testing/expect-error.js";
import { GuestLab } from "./support/guest-lab.js";
import { runDomsnap, tryDomsnap } from "./support/run-domsnap.js";
import { wholeFilesModule } from "./support/whole-files.js";

const EXTERNAL = "<disk name='vda' snapshot='no'/><disk name='vdb' snapshot='external'/>";
const BY_COPY = new Map([["vdb", "whole-files"]]);

describe("the backend of a disk", function () {
  this.timeout(120_000);
  before(ensureBuilt);

  let lab: GuestLab;
  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => lab.remove());

  /** The connection of the lab with one backend more. */
  function open(options?: ServiceOptions, rank?: number): Promise<SnapshotService> {
    return openSnapshotService(lab.uri, createContainer([wholeFilesModule(rank)]), options);
  }

  function document(name: string, disks = EXTERNAL): string {
    return `<domainsnapshot><name>${name}</name><disks>${disks}</disks></domainsnapshot>`;
  }

  async function keepersOf(service: SnapshotService, name: string) {
    const { disks } = await service.get("guest", name);
    return disks.map((disk) => [disk.name, disk.backend]);
  }

  function recordOf(name: string, uuid: string): string {
    return readFileSync(join(lab.definitions, "snapshots", uuid, `${name}.xml`), "utf8");
  }

  describe("that is chosen with --diskspec", () => {
    const create = (...specs: string[]) =>
      ["snapshot-create-as", "guest", "s", "--disk-only", ...specs].flatMap((word) =>
        word.startsWith("vd") || word.startsWith("hd") ? ["--diskspec", word] : [word],
      );

    it("keeps the disk, and stands in the record and in no document", async () => {
      lab.domsnap(...create("vda,backend=dd", "vdb"));
      const service = await lab.service();
      expect(await keepersOf(service, "s")).to.deep.equal([
        ["vda", "dd"],
        ["vdb", "qdisk"],
        ["hdc", undefined],
      ]);
      const { uuid } = await service.findDomain("guest");
      expect(recordOf("s", uuid)).to.include("\nBackends: vda=dd vdb=qdisk\n");
      const printed = lab.domsnap("snapshot-dumpxml", "guest", "s");
      expect(printed)
        .to.include("<driver type='raw'/>")
        .and.not.to.match(/\bdd\b|backend/i);
      expect((await lab.active()).vda.path, "a copy leaves the image").to.equal(lab.raw);
    });

    it("is told in JSON, and by the plan of a dry run", () => {
      const words = [...create("vda,backend=dd"), "--dry-run", "--json"];
      const { plans, snapshot } = JSON.parse(lab.domsnap(...words)) as {
        plans: { operations: { kind: string; backend?: string }[] }[];
        snapshot: { disks: { name: string; backend?: string }[] };
      };
      const [plan] = plans;
      expect(plan?.operations.flatMap(({ backend }) => backend ?? [])).to.include("dd");
      expect(snapshot.disks.find(({ name }) => name === "vda")?.backend).to.equal("dd");
    });

    it("is refused where it cannot, with the reason and those that can", () => {
      const before = readFileSync(lab.qcow2);
      const { status, stderr } = lab.try(...create("vdb,backend=dd"));
      expect(status).to.equal(1);
      expect(stderr)
        .to.include(
          "disk backend 'dd' cannot keep disk 'vdb': disk 'vdb' can be copied as raw only",
        )
        .and.include("Choose one that can keep it: 'qdisk' (QEMU serves the disk)");
      expect(readFileSync(lab.qcow2).equals(before)).to.equal(true);
      expect(lab.domsnap("snapshot-list", "guest", "--name").trim()).to.equal("");
    });

    it("is refused for a disk that takes no part, and when there is none of the name", () => {
      const out = lab.try(...create("vda,snapshot=no,backend=dd"));
      expect(out.stderr).to.include("disk 'vda' takes no part in the snapshot");
      const unknown = lab.try(...create("vda,backend=lvm"));
      expect(unknown.stderr)
        .to.include("there is no disk backend 'lvm'")
        .and.include("dd (whole copies of raw images)");
      const nowhere = lab.try(...create("vdz,backend=dd"));
      expect(nowhere.stderr).to.include("no disk named 'vdz'");
    });

    it("is refused with --print-xml, whose document has no place for it", () => {
      const { stderr } = lab.try(...create("vda,backend=dd"), "--print-xml");
      expect(stderr).to.include("the document has no place for backend=");
    });

    it("is a key that nobody knows where there is no backend, as to virsh", () => {
      const words = ["snapshot-create-as", "test", "s", "--diskspec", "vda,backend=dd"];
      const { status, stderr } = tryDomsnap("test:///default", words);
      expect(status).to.equal(1);
      expect(stderr).to.include("unable to parse diskspec: vda,backend=dd");
    });

    it("has to be named, once", () => {
      for (const spec of ["vda,backend=", "vda,backend=dd,backend=dd"])
        expect(lab.try(...create(spec)).stderr).to.include(`unable to parse diskspec: ${spec}`);
    });
  });

  describe("in the record", () => {
    it("goes on when the snapshot is edited, renamed and cloned", async () => {
      runDomsnap(lab.uri, ["snapshot-create-as", "guest", "s", "--disk-only"]);
      const kept = await keepersOf(await lab.service(), "s");
      const service = await lab.service();
      const { uuid } = await service.findDomain("guest");
      const before = recordOf("s", uuid);
      const xml = await service.getXml("guest", "s", { secure: true });
      await service.create("guest", xml, { redefine: true });
      expect(recordOf("s", uuid), "redefined as it is").to.equal(before);
      for (const [option, name] of [
        ["--clone", "twin"],
        ["--rename", "again"],
      ] as const) {
        editWith(option, name);
        expect(await keepersOf(service, name), option).to.deep.equal(kept);
      }
    });

    it("is dropped by a redefinition that says the disk is kept otherwise", async () => {
      lab.domsnap("snapshot-create-as", "guest", "s", "--disk-only");
      const service = await lab.service();
      const xml = await service.getXml("guest", "s", { secure: true });
      const other = xml.replace("<driver type='qcow2'/>", "<driver type='qed'/>");
      expect(other).not.to.equal(xml);
      await service.create("guest", other, { redefine: true });
      const changed = (await service.get("guest", "s")).disks.find(
        ({ format }) => format === "qed",
      );
      expect(changed?.backend).to.equal(undefined);
    });

    it("makes no other snapshot of it for an import", async () => {
      lab.domsnap("snapshot-create-as", "guest", "s", "--disk-only");
      const folder = join(lab.folder, "out");
      lab.domsnap("export", "guest", "--to", "libvirt", "--folder", folder);
      const { entries } = await (
        await lab.service()
      ).import({ source: folder, domain: "guest" }, { dryRun: true });
      expect(entries.map(({ name, outcome }) => [name, outcome])).to.deep.equal([
        ["s", "unchanged"],
      ]);
    });

    it("counts, whoever else offers more by now", async () => {
      await lab.write(1);
      const then = await lab.contents();
      await (await open()).create("guest", document("s"), {}, { backends: BY_COPY });
      await lab.write(2);
      const now = await open({ backends: { default: "qdisk" } });
      const { plans } = await now.revert("guest", "s", {});
      const kinds = plans.flatMap((plan) =>
        operationsOf(plan).flatMap((one) => ("backend" in one ? [one.backend] : [])),
      );
      expect(new Set(kinds)).to.deep.equal(new Set(["whole-files"]));
      expect((await lab.contents()).vdb).to.equal(then.vdb);
      expect((await lab.active()).vdb.path).to.equal(lab.qcow2);
    });

    it("has to be installed for whatever touches the disk", async () => {
      await (await open()).create("guest", document("s"), {}, { backends: BY_COPY });
      const without = await lab.service();
      for (const work of [
        () => without.revert("guest", "s", {}),
        () => without.delete("guest", "s", {}),
      ])
        await expectError(
          work(),
          "tool-missing",
          "no disk backend named 'whole-files' is installed",
        );
      const [report] = await without.check("guest");
      expect(report?.findings.map(({ code }) => code)).to.include("backend-missing");
      expect((await without.list("guest")).heads).to.have.lengthOf(1);
    });

    it("of a copy in another format than raw lets an overlay above be deleted", async () => {
      const service = await open();
      await lab.write(1);
      const first = await lab.contents();
      await service.create("guest", document("copied"), {}, { backends: BY_COPY });
      await lab.write(2);
      await service.create("guest", document("over"), {});
      await lab.write(3);
      const present = await lab.contents();
      await service.delete("guest", "over", {});
      expect(await lab.contents()).to.deep.equal(present);
      await service.revert("guest", "copied", {});
      expect((await lab.contents()).vdb).to.equal(first.vdb);
      await service.delete("guest", "copied", {});
      expect((await service.check("guest"))[0]?.findings).to.deep.equal([]);
    });

    it("of overlays that a revert makes is that of the disk", async () => {
      const service = await open();
      await service.create("guest", document("a"), {});
      await service.create("guest", document("b"), {});
      await service.revert("guest", "a", {});
      const { revertDisks } = await service.get("guest", "a");
      expect(revertDisks?.map(({ name, backend }) => [name, backend])).to.deep.equal([
        ["vdb", "qdisk"],
      ]);
    });
  });

  it("is the default of the connection where that can keep the disk", async () => {
    const service = await open({ backends: { default: "whole-files" } });
    const both = "<disk name='vda' snapshot='external'/><disk name='vdb' snapshot='external'/>";
    await service.create("guest", document("s", both), {});
    expect((await keepersOf(service, "s")).slice(0, 2)).to.deep.equal([
      ["vda", "qdisk"],
      ["vdb", "whole-files"],
    ]);
    await expectError(
      open({ backends: { default: "lvm" } }),
      "invalid-argument",
      "there is no disk backend 'lvm'",
    );
  });

  it("is one from outside that ranks higher", async () => {
    const service = await open({}, RANK.native + 1);
    await service.create("guest", document("s"), {});
    expect((await keepersOf(service, "s"))[1]).to.deep.equal(["vdb", "whole-files"]);
  });

  /** Edits snapshot `s` so that it has another name. */
  function editWith(option: string, name: string): void {
    const editor = join(lab.folder, "editor.sh");
    writeFileSync(editor, `#!/bin/sh\nsed -i 's|<name>s</name>|<name>${name}</name>|' "$1"\n`, {
      mode: 0o755,
    });
    const { EDITOR, VISUAL } = process.env;
    process.env["VISUAL"] = editor;
    try {
      runDomsnap(lab.uri, ["snapshot-edit", "guest", "s", option]);
    } finally {
      restore("VISUAL", VISUAL);
      restore("EDITOR", EDITOR);
    }
  }
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name);
  else process.env[name] = value;
}
