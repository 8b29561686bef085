import "reflect-metadata";

import { existsSync } from "node:fs";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { run } from "./support/lab-guest.js";
import { document, itTakesSnapshots, OVERLAYS, useRunningGuest } from "./support/running-guest.js";

const STATE = "/var/lib/xen/snapshots";
const MEMORY = "/var/lib/xen/images/memory-xl";

/**
 * Runs in dom0 of the Xen lab (`npm run test:xen`). A program in the guest notices when memory and
 * disks are not of one instant (`LabGuest.startWriter`).
 */
describe("a running PV guest with qcow2 and raw disks", function () {
  this.timeout(patience(300_000));

  const running = useRunningGuest("pv", "10000000-1c1d-4e5f-8a6b-0123456789ab");
  const { guest, lab, base, overlays, openImages } = running;
  const { name, uuid } = guest;
  const { expectCoherent } = lab;

  itTakesSnapshots("pv", running);

  it("has a tree of three levels, which goes from the middle", async () => {
    for (const snapshot of ["one", "two", "three"]) {
      await lab.service.create(name, document(snapshot, "", OVERLAYS), { diskOnly: true });
      await guest.write(snapshot);
    }
    await lab.service.delete(name, "two", {});
    expect(openImages()).to.deep.equal(overlays("three"));
    await lab.service.delete(name, "one", {});
    await lab.service.delete(name, "three", {});
    expect(openImages()).to.deep.equal(base);
    for (const snapshot of ["one", "two", "three"])
      expect(overlays(snapshot).filter((path) => existsSync(path))).to.deep.equal([]);
    expect(await guest.read("true")).to.deep.equal(Array(4).fill("three"));
    await expectCoherent();
  });

  it("is saved and restored by xl itself on its overlays", async () => {
    await lab.service.create(name, document("last", "", OVERLAYS), { diskOnly: true });
    run("xl", "save", name, MEMORY);
    run("xl", "restore", MEMORY);
    expect(openImages()).to.deep.equal(overlays("last"));
    await expectCoherent();
    await lab.service.delete(name, "last", {});
    await expectCoherent();
  });

  it("loses a snapshot inside of images, and what was copied for it", async () => {
    const copies = ["xvdc", "xvdd"].map((vdev) => guest.image(vdev).replace(/img$/, "first"));
    await lab.service.delete(name, "first", {});
    expect([...copies, `${STATE}/${uuid}/first.save`].filter((path) => existsSync(path))).to.be
      .empty;
    await expectCoherent();
  });
});
