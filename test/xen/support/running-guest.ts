import { existsSync, statSync } from "node:fs";

import { expect } from "chai";

import { LabGuest, run } from "./lab-guest.js";
import { useWrittenGuest } from "./written-guest.js";

const STATE = "/var/lib/xen/snapshots";
const MEMORY = "/var/lib/xen/images/memory";

interface DiskRequest {
  readonly name: string;
  readonly format?: "qcow2" | "raw";
}

const INTERNAL = ["xvda", "xvdb"].map((name) => ({ name }));
const COPY = { name: "xvdd", format: "raw" } as const;
/** Overlays for all disks that can have one. */
export const OVERLAYS = ["xvda", "xvdb", "xvdc"].map((name) => ({
  name,
  format: "qcow2" as const,
}));

/** A `<domainsnapshot>` document. */
export function document(name: string, memory: string, disks: readonly DiskRequest[]): string {
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

/** A guest with qcow2 and raw disks of both backends, at work; for the tests of a block. */
export function useRunningGuest(type: "pv" | "pvh", uuid: string) {
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
  const base = ["xvda", "xvdb", "xvdc"].map((vdev) => guest.image(vdev));
  const overlays = (snapshot: string) => base.map((path) => path.replace(/img$/, snapshot));
  const openImages = () => guest.storedImages().slice(0, 3);
  const lab = useWrittenGuest(guest);
  return { guest, lab, base, overlays, openImages };
}

/** What holds for a running guest of either type, in this order: it leaves snapshot `first`. */
export function itTakesSnapshots(
  type: "pv" | "pvh",
  { guest, lab, base, overlays, openImages }: ReturnType<typeof useRunningGuest>,
): void {
  const { name, uuid } = guest;
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
    expect(result.measures?.downtimeMs).to.be.greaterThan(0);
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
}
