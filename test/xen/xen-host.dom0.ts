import "reflect-metadata";

import { existsSync, readFileSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { openSnapshotService } from "../../src/container.js";
import type { SnapshotService } from "../../src/core/operations/snapshot-service.js";
import { changeConfigDisks, rewriteSaveFile } from "../../src/formats/xen-save-file/index.js";
import { Xl } from "../../src/clients/xl/index.js";
import { expectError } from "../../src/testing/expect-error.js";
import { LabGuest, run } from "./support/lab-guest.js";

const STATE = "/var/lib/xen/snapshots";
const internal = (name: string) =>
  `<domainsnapshot><name>${name}</name><memory snapshot='internal'/></domainsnapshot>`;

/** Runs in dom0 of the Xen lab (`npm run test:xen`), with one guest for all tests, in their order. */
describe("xen:///system on a Xen host", function () {
  this.timeout(patience(300_000));

  const xl = new Xl();
  const guest = new LabGuest("lab", "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab", [
    { vdev: "xvda", format: "qcow2" },
    { vdev: "xvdb", format: "qcow2", more: "discard" },
  ]);
  const stopped = new LabGuest("stopped", "5d0f3a52-9d5c-4a3f-8f6e-0123456789ab", [
    { vdev: "xvda", format: "qcow2" },
  ]);
  const kernels = new LabGuest("kernels", "6e1f3a52-9d5c-4a3f-8f6e-0123456789ab", [
    { vdev: "xvda", format: "raw", more: "discard" },
  ]);
  let service: SnapshotService;

  before(async () => {
    service = await openSnapshotService("xen:///system");
    for (const one of [guest, stopped, kernels]) one.define();
    await guest.boot();
  });
  after(async () => {
    await service.close();
    for (const one of [guest, stopped, kernels]) one.remove();
  });

  it("lists the guests that run and those that only have a file", async () => {
    const states = (await service.listDomains()).map(({ name, state }) => `${name} ${state}`);
    expect(states).to.deep.equal(["kernels shutoff", "lab running", "stopped shutoff"]);
  });

  it("describes a running guest as its file does, and finds it by id and uuid", async () => {
    const domain = await service.findDomain("lab");
    expect(domain.persistent).to.equal(true);
    expect(domain.inactiveDefinition?.disks).to.deep.equal(domain.definition.disks);
    expect(await service.findDomain(String(domain.id))).to.deep.equal(domain);
    expect(await service.findDomain(guest.uuid.toUpperCase())).to.deep.equal(domain);
    await expectError(service.findDomain("nosuch"), "no-domain");
  });

  it("pauses and resumes, whatever xl pause has counted", async () => {
    const { id } = guest;
    await service.switchPower("lab", { verb: "suspend" });
    expect((await service.findDomain("lab")).state).to.equal("paused");
    run("xl", "pause", String(id));
    await expectError(
      service.create("lab", internal("refused"), {}),
      "operation-invalid",
      /has to be/,
    );
    await service.switchPower("lab", { verb: "resume" });
    expect((await service.findDomain("lab")).state).to.equal("running");
    await guest.answers();
  });

  it("takes memory and disks of a running guest at one instant", async () => {
    await guest.write("one");
    const result = await service.create("lab", internal("first"), {});
    expect(result.measures?.consistency).to.equal("memory");
    expect((await service.findDomain("lab")).state).to.equal("running");
    expect(existsSync(`${STATE}/${guest.uuid}/first.save`)).to.equal(true);
    for (const { vdev } of guest.disks)
      expect(run("qemu-img", "snapshot", "-l", guest.image(vdev))).to.include("first");
    expect(await guest.read()).to.deep.equal(["one", "one", "one"]);
  });

  it("goes back to that instant, in memory and on the disks, as the same domain", async () => {
    await guest.write("two");
    expect(await guest.read()).to.deep.equal(["two", "two", "two"]);
    const before = { id: guest.id, counter: await guest.counter() };
    await service.revert("lab", "first", {});
    const domain = await service.findDomain("lab");
    expect(domain).to.include({ uuid: guest.uuid, state: "running" });
    expect(domain.id).not.to.equal(before.id);
    expect(await guest.read()).to.deep.equal(["one", "one", "one"]);
    expect(await guest.counter()).to.be.lessThan(before.counter);
  });

  it("restores a memory file with another header", async () => {
    const moved = guest.image("moved");
    run("cp", "--sparse=always", guest.image("xvda"), moved);
    await service.switchPower("lab", { verb: "destroy" });
    run("qemu-img", "snapshot", "-a", "first", moved);
    run("qemu-img", "snapshot", "-a", "first", guest.image("xvdb"));
    writeFileSync("/var/tmp/moved", "", { mode: 0o600 });
    await rewriteSaveFile(`${STATE}/${guest.uuid}/first.save`, "/var/tmp/moved", (config) =>
      changeConfigDisks(config, [{ vdev: "xvda", path: moved, format: "qcow2" }]),
    );
    const id = await xl.restorePaused("/var/tmp/moved", "lab");
    const { definition, uuid } = await service.findDomain("lab");
    expect(uuid).to.equal(guest.uuid);
    expect(definition.disks.map(({ source }) => source?.path)).to.deep.equal([
      moved,
      guest.image("xvdb"),
    ]);
    await xl.unpause(id);
    expect(await guest.read()).to.deep.equal(["one", "one", "one"]);
  });

  it("deletes a snapshot while the guest runs", async () => {
    await service.switchPower("lab", { verb: "destroy" });
    await service.revert("lab", "first", {});
    await service.delete("lab", "first", {});
    expect(existsSync(`${STATE}/${guest.uuid}/first.save`)).to.equal(false);
    for (const { vdev } of guest.disks)
      expect(run("qemu-img", "info", "-U", guest.image(vdev))).not.to.include("first");
    await guest.answers();
  });

  it("moves a stopped guest to an overlay, and its file with it", async () => {
    await service.create("stopped", "<domainsnapshot><name>below</name></domainsnapshot>", {
      diskOnly: true,
    });
    const [disk] = (await service.findDomain("stopped")).definition.disks;
    expect(disk).to.deep.include({
      format: "qcow2",
      source: { path: stopped.image("xvda").replace(/img$/, "below") },
    });
    const text = readFileSync(stopped.configuration, "utf8");
    expect(text).to.include("disk = [ # one a line").and.include(disk?.source?.path);
    await service.switchPower("stopped", { verb: "start", paused: false });
    await stopped.answers();
    await service.switchPower("stopped", { verb: "destroy" });
    await service.delete("stopped", "below", {});
  });

  it("tells why a disk that the kernel serves is left to copies", async () => {
    const domain = await service.findDomain("kernels");
    expect(domain.definition.disks[0]).to.include({ driverName: "phy", type: "file" });
    const snapshot = "<domainsnapshot><name>copied</name></domainsnapshot>";
    await service.create("kernels", snapshot, { diskOnly: true });
    expect((await service.get("kernels", "copied")).disks[0]).to.include({ format: "raw" });
    await service.delete("kernels", "copied", {});
  });

  it("refuses a disk that QEMU has open twice, with the reason", async () => {
    await withEmulated("hda", async (emulated) => {
      for (const mode of ["internal", "external"]) {
        const document = `<domainsnapshot><name>twice</name><disks><disk name='hda' snapshot='${mode}'/></disks></domainsnapshot>`;
        const refused = service.create(emulated.name, document, { diskOnly: true });
        await expectError(refused, "disk-unsupported", /is open twice/);
      }
      const image = emulated.image("hda");
      expect(run("qemu-img", "info", "-U", image)).not.to.include("Snapshot list");
      expect((await service.findDomain(emulated.name)).definition.disks[0]?.source?.path).to.equal(
        image,
      );
    });
  });

  it("takes an HVM guest whose disk has no emulated twin, and goes back", async () => {
    await withEmulated("xvde", async (emulated) => {
      const { name, uuid } = emulated;
      const image = emulated.image("xvde");
      const result = await service.create(name, internal("whole"), {});
      expect(result.measures?.consistency).to.equal("memory");
      expect((await service.findDomain(name)).state).to.equal("running");
      await service.create(name, "<domainsnapshot><name>over</name></domainsnapshot>", {
        diskOnly: true,
      });
      const overlay = image.replace(/img$/, "over");
      expect(emulated.storedImages()).to.deep.equal([overlay]);
      await service.delete(name, "over", {});
      expect(emulated.storedImages()).to.deep.equal([image]);
      const { id } = emulated;
      await service.revert(name, "whole", {});
      expect(emulated.id).not.to.equal(id);
      expect(await service.findDomain(name)).to.include({ uuid, state: "running" });
      await service.delete(name, "whole", {});
      expect(run("qemu-img", "info", "-U", image)).not.to.include("Snapshot list");
    });
  });

  /** With an HVM guest that runs its firmware and finds nothing to boot. */
  async function withEmulated(
    vdev: string,
    work: (guest: LabGuest) => Promise<void>,
  ): Promise<void> {
    const uuid = "7f2f3a52-9d5c-4a3f-8f6e-0123456789ab";
    const emulated = new LabGuest("emulated", uuid, [{ vdev, format: "qcow2" }], "hvm");
    emulated.define();
    run("xl", "create", emulated.configuration);
    try {
      await work(emulated);
    } finally {
      emulated.remove();
    }
  }
});
