import { expect } from "chai";
import { writeFileSync } from "node:fs";

import { expectError } from "../../src/testing/index.js";
import { openSnapshotService } from "../../src/container.js";
import { GuestLab } from "./support/guest-lab.js";

/** A revert that can be taken back. */
describe("the state before a revert", () => {
  let lab: GuestLab;

  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => {
    lab.remove();
  });

  const FORMS = {
    "inside the image, and as a copy": [
      "vda,snapshot=external,driver=raw",
      "vdb,snapshot=internal",
    ],
    "in overlays": ["vda,snapshot=external", "vdb,snapshot=external"],
    "in an overlay, of one disk": ["vda,snapshot=no", "vdb,snapshot=external"],
  };

  const takeAs = (disks: readonly string[]) =>
    lab.domsnap(
      ...["snapshot-create-as", "guest", "s"],
      ...disks.flatMap((disk) => ["--diskspec", disk]),
    );
  const revertKeeping = () => {
    const output = lab.domsnap("--json", "snapshot-revert", "guest", "s", "--keep-current");
    const { kept } = JSON.parse(output) as { kept: string };
    expect(kept).to.match(/^before-revert-\d+$/);
    return kept;
  };

  for (const [how, disks] of Object.entries(FORMS))
    it(`is kept ${how}, any number of times`, async () => {
      // A disk that is left out stays as it is.
      const covered = async () => {
        const { vda, vdb } = await lab.contents();
        return how.endsWith("one disk") ? { vdb } : { vda, vdb };
      };
      await lab.write(1);
      const first = await covered();
      takeAs(disks);
      const states = new Map([["s", first]]);
      for (const byte of [2, 3]) {
        await lab.write(byte);
        const present = await covered();
        states.set(revertKeeping(), present);
        expect(await covered()).to.deep.equal(first);
      }
      expect(states.size).to.equal(3);
      for (const [name, contents] of [...states, ...states]) {
        lab.domsnap("snapshot-revert", "guest", name);
        expect(await covered(), name).to.deep.equal(contents);
      }
      lab.domsnap("check", "guest");
    });

  it("is planned and told, and not touched by a dry run", () => {
    takeAs(FORMS["in overlays"]);
    const plan = lab.domsnap("snapshot-revert", "guest", "s", "--keep-current", "--dry-run");
    expect(plan).to.match(/Plan: create snapshot 'before-revert-\d+' .*Plan: revert/s);
    expect(lab.domsnap("snapshot-list", "guest", "--name")).to.equal("s\n");
    lab.domsnap("snapshot-revert", "guest", "s", "--keep-current");
    const [, kept = ""] = lab
      .domsnap("snapshot-list", "guest", "--name", "--topological")
      .split("\n");
    const info = lab.domsnap("snapshot-dumpxml", "guest", kept);
    expect(info).to.include("<description>state before the revert to &apos;s&apos;</description>");
    expect(info).to.include("<parent>\n    <name>s</name>");
  });

  it("is not kept when the revert is refused", () => {
    takeAs(["vda,snapshot=no", "vdb,snapshot=internal"]);
    lab.domsnap("snapshot-create-as", "guest", "later", "--disk-only");
    const refused = lab.try("snapshot-revert", "guest", "s", "--keep-current");
    expect(refused.stderr).to.include("would be destroyed");
    expect(lab.domsnap("snapshot-list", "guest", "--name")).to.equal("later\ns\n");
  });

  it("stays when the revert fails after all", async () => {
    takeAs(FORMS["in overlays"]);
    const service = await openSnapshotService(lab.uri);
    const error = await expectError(
      service.revert(...(["guest", "s", {}] as const), {
        keepCurrent: true,
        onProgress: (event) => {
          // The frozen image goes while the revert is about to stage it.
          if (event.type === "operation-started" && event.kind === "disks.stage")
            writeFileSync(lab.qcow2, "not an image");
        },
      }),
      "disk-unsupported",
    );
    expect(error.effect).to.equal("rolled-back");
    expect(error.hint).to.match(
      /Delete snapshot 'before-revert-\d+', which keeps the state before/,
    );
    const { heads, current } = await service.list("guest");
    expect(heads.map(({ name }) => name))
      .to.have.length(2)
      .and.include(current);
    await service.close();
  });

  it("is kept of simulated guests, too", async () => {
    const service = await openSnapshotService("test:///default");
    await service.create("test", "<domainsnapshot><name>s</name></domainsnapshot>", {});
    const { kept = "" } = await service.revert("test", "s", {}, { keepCurrent: true });
    expect((await service.get("test", kept)).state).to.equal("running");
    expect(await service.current("test")).to.equal("s");
  });

  it("never gets a name twice", () => {
    takeAs(FORMS["in overlays"]);
    const names = new Set([revertKeeping(), revertKeeping(), revertKeeping()]);
    expect(names.size).to.equal(3);
  });
});
