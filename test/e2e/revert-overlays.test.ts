import { expect } from "chai";
import { existsSync } from "node:fs";

import type { DomainSnapshot } from "../../src/core/model/index.js";
import { GuestLab } from "./support/guest-lab.js";

/** libvirt 9.9's bookkeeping of the overlays that reverts make. */
describe("the overlays of a revert", () => {
  let lab: GuestLab;

  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => {
    lab.remove();
  });

  async function take(name: string): Promise<void> {
    const service = await lab.service();
    await service.create("guest", `<domainsnapshot><name>${name}</name></domainsnapshot>`, {
      diskOnly: true,
    });
  }

  const read = async (name: string): Promise<DomainSnapshot> =>
    (await lab.service()).get("guest", name);

  const overlayOf = (disks: DomainSnapshot["disks"] | undefined) =>
    disks?.find(({ name }) => name === "vdb")?.source?.path;

  it("become the disks of a snapshot without children, and the old ones go", async () => {
    await take("leaf");
    const first = overlayOf((await read("leaf")).disks) ?? "";
    await (await lab.service()).revert("guest", "leaf", {});
    const record = await read("leaf");
    const second = (await lab.active()).vdb.path;
    expect(second).not.to.equal(first);
    expect(overlayOf(record.disks)).to.equal(second);
    expect(record.revertDisks).to.equal(undefined);
    expect(existsSync(first)).to.equal(false);
  });

  it("are kept beside the disks while children stand on those", async () => {
    await take("top");
    const ofTop = overlayOf((await read("top")).disks);
    await take("child");
    const service = await lab.service();
    await service.revert("guest", "top", {});
    const record = await read("top");
    const fresh = (await lab.active()).vdb.path;
    expect(overlayOf(record.disks)).to.equal(ofTop);
    expect(overlayOf(record.revertDisks)).to.equal(fresh);

    await service.delete("guest", "child", {});
    const settled = await read("top");
    expect(overlayOf(settled.disks), "the last child is gone").to.equal(fresh);
    expect(settled.revertDisks).to.equal(undefined);
    expect(existsSync(ofTop ?? ""), "the abandoned branch is unlinked").to.equal(false);
  });

  it("are frozen by the next snapshot", async () => {
    await take("top");
    await take("child");
    await (await lab.service()).revert("guest", "top", {});
    await take("second");
    expect((await read("top")).revertDisks).to.equal(undefined);
    expect((await read("second")).parent).to.equal("top");
  });

  it("go when another snapshot is reverted to", async () => {
    await take("top");
    await take("child");
    const service = await lab.service();
    await service.revert("guest", "top", {});
    const left = (await lab.active()).vdb.path;
    await service.revert("guest", "child", {});
    expect(existsSync(left)).to.equal(false);
    expect((await read("top")).revertDisks).to.equal(undefined);
  });
});
