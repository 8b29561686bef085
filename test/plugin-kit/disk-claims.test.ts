import { expect } from "chai";

import {
  IMAGE_FORMATS,
  SNAPSHOT_MODES,
  STORAGE_TYPES,
  type DomainDisk,
  type ImageFormat,
} from "../../src/core/model/index.js";
import { BlktapBackend } from "../../src/plugins/blktap/index.js";
import { DdBackend } from "../../src/plugins/dd/index.js";
import { claimingBackend } from "../../src/plugin-kit/disk-claims.js";
import { QdiskBackend } from "../../src/plugins/qdisk/index.js";

const DRIVERS = [undefined, "file", "phy", "qemu", "tap", "tap2", "aio"];
const FORMATS = [undefined, ...IMAGE_FORMATS];

function disk(partial: Partial<DomainDisk>): DomainDisk {
  return {
    target: "vda",
    device: "disk",
    type: "file",
    source: { path: "/images/a" },
    readonly: false,
    shareable: false,
    transient: false,
    ...partial,
  };
}

function* everyCase() {
  for (const type of STORAGE_TYPES)
    for (const driverName of DRIVERS)
      for (const diskFormat of FORMATS)
        for (const mode of [undefined, ...SNAPSHOT_MODES])
          for (const format of FORMATS)
            yield {
              disk: disk({
                type,
                ...(driverName !== undefined && { driverName }),
                ...(diskFormat && { format: diskFormat }),
              }),
              wish: { ...(mode && { mode }), ...(format && { format }) },
            };
}

const external = (partial: Partial<DomainDisk>, format?: ImageFormat) =>
  claimingBackend(disk(partial), { mode: "external", ...(format && { format }) });

describe("disk claims", () => {
  it("are made by at most one backend, whatever the disk and the wish", () => {
    const backends = [new DdBackend(), new QdiskBackend(), new BlktapBackend()];
    for (const { disk, wish } of everyCase()) {
      const claims = backends.filter((backend) => backend.claims(disk, wish));
      const expected = claimingBackend(disk, wish);
      expect(claims.map(({ id }) => id).join()).to.equal(expected ?? "");
    }
  });

  it("never take a disk that is left out, and always an internal one", () => {
    for (const { disk, wish } of everyCase()) {
      const claim = claimingBackend(disk, wish);
      if (wish.mode === "internal") expect(claim).to.be.oneOf(["qdisk", "blktap"]);
      else if (wish.mode !== "external") expect(claim).to.equal(undefined);
    }
  });

  it("give dd nothing but local raw disks", () => {
    for (const { disk, wish } of everyCase()) {
      if (claimingBackend(disk, wish) !== "dd") continue;
      expect(disk.format ?? "raw").to.equal("raw");
      expect(disk.type).to.be.oneOf(["file", "block"]);
      expect(wish.format ?? "raw").to.equal("raw");
    }
  });

  it("give raw disks that QEMU does not serve to dd, unless an overlay is asked for", () => {
    for (const driverName of ["file", "phy"]) {
      expect(external({ driverName })).to.equal("dd");
      expect(external({ driverName, format: "raw" })).to.equal("dd");
      expect(external({ driverName, format: "raw" }, "qcow2")).to.equal("qdisk");
      expect(external({ driverName, format: "qcow2" })).to.equal("qdisk");
    }
    expect(external({})).to.equal("dd");
    expect(external({ type: "block" })).to.equal("dd");
    expect(external({ type: "network" })).to.equal("qdisk");
  });

  it("give QEMU's raw disks to dd only if the document asks for raw", () => {
    const driverName = "qemu";
    expect(external({ driverName, format: "raw" })).to.equal("qdisk");
    expect(external({ driverName })).to.equal("qdisk");
    expect(external({ driverName, format: "raw" }, "raw")).to.equal("dd");
    expect(external({ driverName, format: "qcow2" }, "raw")).to.equal(undefined);
  });

  it("give whatever tapdisk serves to blktap, but for the copy of a raw disk", () => {
    for (const driverName of ["tap", "tap2"]) {
      expect(external({ driverName, format: "vhd" })).to.equal("blktap");
      expect(external({ driverName, format: "raw" })).to.equal("blktap");
      expect(external({ driverName, format: "raw" }, "raw")).to.equal("dd");
      expect(external({ driverName, format: "vhd" }, "qcow2")).to.equal("blktap");
      expect(claimingBackend(disk({ driverName }), { mode: "internal" })).to.equal("blktap");
    }
    expect(external({ driverName: "qemu", format: "vhd" }), "to say why not").to.equal("blktap");
  });

  it("leave formats alone that no overlay can have", () => {
    for (const format of ["vmdk", "vhd", "vpc", "qcow"] as const)
      expect(external({}, format)).to.equal(undefined);
  });
});
