import { expect } from "chai";

import type { DiskWish } from "../../../src/core/ports/index.js";
import { parseXlDisk } from "../../../src/formats/xl-disk/index.js";
import {
  assessXenDisk,
  type AssessedGuest,
} from "../../../src/plugins/toolstack-xl/disk-assessment.js";
import { domainDisksOf } from "../../../src/plugins/toolstack-xl/disk-servers.js";

type Wish = Pick<DiskWish, "mode" | "format" | "externalKind">;

const INTERNAL: Wish = { mode: "internal" };
const OVERLAY: Wish = { mode: "external", format: "qcow2", externalKind: "overlay" };
const COPY: Wish = { mode: "external", format: "raw", externalKind: "copy" };

/** What stands against it, and what would lift that; undefined for nothing. */
function assess(
  specification: string,
  wish: Wish,
  {
    live = true,
    ...state
  }: Partial<AssessedGuest["guest"] & AssessedGuest> & { live?: boolean } = {},
): { reason: string; remedy: string } | undefined {
  const xlDisk = parseXlDisk(specification, "test");
  const [disk] = domainDisksOf([xlDisk], []);
  if (!disk) throw new Error("no disk");
  const { stubDomain = false, restrictedQemu = false, ...seen } = state;
  const guest = { disks: [xlDisk], stubDomain, restrictedQemu };
  const verdict = assessXenDisk({ guest, ...seen }, disk, { verb: "create", live, ...wish });
  return verdict?.possible === false ? verdict : undefined;
}

describe("what Xen has against a snapshot of a disk", () => {
  const qdisk = "format=qcow2,vdev=xvda,access=rw,backendtype=qdisk,target=/a";
  const phy = "format=raw,vdev=xvda,access=rw,backendtype=phy,target=/dev/vg/a";

  it("is nothing for a disk that dom0's QEMU serves", () => {
    for (const wish of [INTERNAL, OVERLAY, COPY]) expect(assess(qdisk, wish)).to.equal(undefined);
  });

  it("is the kernel, but for copies, with the words that would make it QEMU's", () => {
    expect(assess(phy, COPY)).to.equal(undefined);
    expect(assess(phy, OVERLAY)?.remedy).to.include("backendtype=qdisk in the disk's line");
    expect(assess(phy, INTERNAL)?.remedy).to.include("backendtype=qdisk and format=qcow2");
    expect(assess(phy, OVERLAY, { live: false })).to.equal(undefined);
  });

  it("tells copies from overlays by what the backend makes, whatever the format", () => {
    const copy = { ...OVERLAY, externalKind: "copy" } as const;
    const overlay = { ...COPY, externalKind: "overlay" } as const;
    expect(assess(phy, copy)).to.equal(undefined);
    expect(assess(phy, overlay)?.reason).to.include("served by the kernel");
    expect(assess(qdisk, copy, { restrictedQemu: true })).to.equal(undefined);
    expect(assess(qdisk, overlay, { restrictedQemu: true })?.reason).to.include("restricted");
  });

  for (const [name, words, line] of [
    ["a driver domain", "backend=storage", "backend=storage"],
    ["virtio", "specification=virtio,backendtype=standalone", "specification=virtio"],
    ["replication", "colo", "colo"],
    ["a script", "script=block-iscsi", "script=block-iscsi"],
  ] as const)
    for (const live of [true, false])
      it(`is ${name}, ${live ? "running" : "off"}`, () => {
        const disk = `format=raw,vdev=xvda,access=rw,${words},target=/a`;
        for (const wish of [INTERNAL, OVERLAY, COPY])
          expect(assess(disk, wish, { live })?.remedy).to.include(line);
      });

  it("is a stub domain, while it runs", () => {
    expect(assess(qdisk, INTERNAL, { stubDomain: true })?.remedy).to.include(
      "device_model_stubdomain_override=0",
    );
    expect(assess(qdisk, INTERNAL, { stubDomain: true, live: false })).to.equal(undefined);
  });

  it("is a restricted QEMU, for overlays", () => {
    expect(assess(qdisk, OVERLAY, { restrictedQemu: true })?.remedy).to.include("dm_restrict=0");
    expect(assess(qdisk, INTERNAL, { restrictedQemu: true })).to.equal(undefined);
  });

  it("is an emulated disk that the guest has not let go of", () => {
    const openTwice = new Set(["xvda"]);
    expect(assess(qdisk, INTERNAL, { openTwice })?.reason).to.include("open twice");
    expect(assess(qdisk, INTERNAL, { openTwice: new Set(["xvdb"]) })).to.equal(undefined);
  });

  it("is a QEMU that cannot be asked", () => {
    const noMonitor = "QEMU (process 7) has no socket";
    expect(assess(qdisk, OVERLAY, { noMonitor })?.reason).to.include(noMonitor);
    expect(assess(phy, COPY, { noMonitor })).to.equal(undefined);
  });

  it("is not asked of read-only disks, which nobody takes", () => {
    const cdrom = "format=raw,vdev=xvdc,devtype=cdrom,access=ro,target=/iso";
    expect(assess(cdrom, OVERLAY, { noMonitor: "gone" })).to.equal(undefined);
  });
});
