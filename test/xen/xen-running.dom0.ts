import "reflect-metadata";

import { existsSync, statSync } from "node:fs";

import { expect } from "chai";

import { LabGuest, run } from "./support/lab-guest.js";
import { useWrittenGuest } from "./support/written-guest.js";

const STATE = "/var/lib/xen/snapshots";
const MEMORY = "/var/lib/xen/images/memory";

interface DiskRequest {
  readonly name: string;
  readonly format?: "qcow2" | "raw";
}

const INTERNAL = ["xvda", "xvdb"].map((name) => ({ name }));
const OVERLAYS = ["xvda", "xvdb", "xvdc"].map((name) => ({ name, format: "qcow2" as const }));
const COPY = { name: "xvdd", format: "raw" } as const;

function document(name: string, memory: string, disks: readonly DiskRequest[]): string {
  const elements = disks.map((disk) =>
    disk.format === undefined
      ? `<disk name='${disk.name}' snapshot='internal'/>`
      : `<disk name='${disk.name}' snapshot='external'><driver type='${disk.format}'/></disk>`,
  );
  return `<domainsnapshot><name>${name}</name>${memory}<disks>${elements.join("")}</disks></domainsnapshot>`;
}

function formOf({ mode, format }: { readonly mode: string; readonly format?: string }): string {
  return format ?? mode;
}

/**
 * Runs in dom0 of the Xen lab (`npm run test:xen`). A program in the guest notices when memory and
 * disks are not of one instant (`LabGuest.startWriter`).
 */
for (const [type, uuid] of [
  ["pv", "10000000-1c1d-4e5f-8a6b-0123456789ab"],
  ["pvh", "20000000-1c1d-4e5f-8a6b-0123456789ab"],
] as const)
  describe(`a running ${type.toUpperCase()} guest with qcow2 and raw disks`, function () {
    this.timeout(900_000);

    const guest = new LabGuest(
      `run-${type}`,
      uuid,
      [
        { vdev: "xvda", format: "qcow2" },
        { vdev: "xvdb", format: "qcow2", more: "discard" },
        { vdev: "xvdc", format: "raw" },
        { vdev: "xvdd", format: "raw", more: "backendtype=phy" },
      ],
      type,
    );
    const { name } = guest;
    const base = ["xvda", "xvdb", "xvdc"].map((vdev) => guest.image(vdev));
    const overlays = (snapshot: string) => base.map((path) => path.replace(/img$/, snapshot));
    const openImages = () => guest.storedImages().slice(0, 3);
    const lab = useWrittenGuest(guest);
    const { expectCoherent } = lab;

    async function goOn(): Promise<number> {
      const now = await guest.stamp();
      await guest.stampAbove(now + 2);
      return guest.stamp();
    }

    it("tells which disks can be taken, and what would change that", async () => {
      const disks = await lab.service.diskCapabilities(name);
      const possible = disks.map(({ target, forms }) =>
        [target, ...forms.filter(({ verdict }) => verdict.possible).map(formOf)].join(" "),
      );
      expect(possible).to.deep.equal([
        "xvda internal qcow2",
        "xvdb internal qcow2",
        "xvdc qcow2 raw",
        "xvdd raw",
      ]);
      const verdict = disks[3]?.forms[0]?.verdict;
      expect(verdict).to.have.property("remedy").that.includes("backendtype=qdisk");
    });

    it("is taken with its memory, inside of images and as copies in the same pause", async () => {
      const disks = [...INTERNAL, { name: "xvdc", format: "raw" } as const, COPY];
      const result = await lab.service.create(name, document("first", "", disks), {});
      expect(result.measures?.consistency).to.equal("memory");
      expect(result.measures?.pauseMs).to.be.greaterThan(0);
      expect(statSync(`${STATE}/${uuid}/first.save`).mode & 0o777).to.equal(0o600);
      expect((await lab.service.findDomain(name)).state).to.equal("running");
      await expectCoherent();
    });

    it("goes back to that instant", async () => {
      const later = await goOn();
      await lab.service.revert(name, "first", {});
      expect(await guest.stamp()).to.be.lessThan(later);
      await expectCoherent();
    });

    it("goes on in overlays, and all that names its images follows", async () => {
      const memory = `<memory snapshot='external' file='${MEMORY}-${type}'/>`;
      const document2 = document("second", memory, [...OVERLAYS, COPY]);
      await lab.service.create(name, document2, {});
      expect(openImages()).to.deep.equal(overlays("second"));
      expect(guest.configuredImages().slice(0, 3)).to.deep.equal(overlays("second"));
      const device = `/libxl/${guest.id}/device/vbd/51744`;
      expect(run("xenstore-read", `${device}/params`)).to.equal(`qcow2:${overlays("second")[2]}`);
      await expectCoherent();
    });

    it("comes up on the overlays after a reboot of its own", async () => {
      await guest.write("over");
      await guest.reboot();
      expect(openImages()).to.deep.equal(overlays("second"));
      expect(await guest.read("true")).to.deep.equal(Array(4).fill("over"));
    });

    it("goes back to saved memory above the frozen images", async () => {
      const frozen = base.map((path) => statSync(path).mtimeMs);
      await lab.service.revert(name, "second", {});
      await expectCoherent();
      expect(openImages()).not.to.deep.equal(base).and.not.to.deep.equal(overlays("second"));
      expect(base.map((path) => statSync(path).mtimeMs)).to.deep.equal(frozen);
      expect(guest.configuredImages().slice(0, 3)).to.deep.equal(openImages());
    });

    it("loses its overlays while it runs", async () => {
      await lab.service.delete(name, "second", {});
      expect(openImages()).to.deep.equal(base);
      expect(guest.configuredImages().slice(0, 3)).to.deep.equal(base);
      expect(existsSync(`${MEMORY}-${type}`)).to.equal(false);
      await expectCoherent();
    });

    if (type === "pvh") return;

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
      run("xl", "save", name, `${MEMORY}-xl`);
      run("xl", "restore", `${MEMORY}-xl`);
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
