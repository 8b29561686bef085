import { expect } from "chai";

import {
  IMAGE_FORMATS,
  SNAPSHOT_MODES,
  STORAGE_TYPES,
  type DomainDisk,
  type ImageFormat,
} from "../../src/core/model/index.js";
import { BackendRegistry, type BackendWish } from "../../src/core/plan/backend-registry.js";
import { BlktapBackend } from "../../src/plugins/blktap/index.js";
import { DdBackend } from "../../src/plugins/dd/index.js";
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

const BUILT_IN = [new DdBackend(), new QdiskBackend(), new BlktapBackend()];

/** Who keeps it when nobody says by whom. */
function chosen(disk: DomainDisk, wish: BackendWish): string | undefined {
  return new BackendRegistry(BUILT_IN).best(disk, wish)?.id;
}

const external = (partial: Partial<DomainDisk>, format?: ImageFormat) =>
  chosen(disk(partial), { mode: "external", ...(format && { format }) });

/** The rule of the time when one function knew all built-in backends; it is the golden one. */
function claimed(disk: DomainDisk, { mode, format }: BackendWish): string | undefined {
  if (mode !== "internal" && mode !== "external") return undefined;
  const isLocal = disk.type === "file" || disk.type === "block";
  const raw = isLocal && (disk.format === undefined || disk.format === "raw");
  if (disk.driverName === "tap" || disk.driverName === "tap2" || disk.format === "vhd")
    return mode === "external" && format === "raw" && raw ? "dd" : "blktap";
  if (mode === "internal") return "qdisk";
  const isPlain = [undefined, "file", "phy"].includes(disk.driverName);
  if (format === undefined) return raw && isPlain ? "dd" : "qdisk";
  if (format === "raw") return raw ? "dd" : undefined;
  return format === "qcow2" || format === "qed" ? "qdisk" : undefined;
}

describe("the choice between the built-in backends", () => {
  it("is what it has always been, whatever the disk and the wish", () => {
    for (const { disk, wish } of everyCase())
      expect(chosen(disk, wish), JSON.stringify({ disk, wish })).to.equal(claimed(disk, wish));
  });

  it("never has two that suit equally well", () => {
    const registry = new BackendRegistry(BUILT_IN);
    for (const { disk, wish } of everyCase()) {
      const [first, second] = registry.capable(disk, wish);
      if (first && second) expect(first.rank).to.be.greaterThan(second.rank);
    }
  });

  it("never takes a disk that is left out, and always an internal one", () => {
    for (const { disk, wish } of everyCase()) {
      const claim = chosen(disk, wish);
      if (wish.mode === "internal") expect(claim).to.be.oneOf(["qdisk", "blktap"]);
      else if (wish.mode !== "external") expect(claim).to.equal(undefined);
    }
  });

  it("gives dd nothing but local raw disks", () => {
    for (const { disk, wish } of everyCase()) {
      if (chosen(disk, wish) !== "dd") continue;
      expect(disk.format ?? "raw").to.equal("raw");
      expect(disk.type).to.be.oneOf(["file", "block"]);
      expect(wish.format ?? "raw").to.equal("raw");
    }
  });

  it("gives raw disks that QEMU does not serve to dd, unless an overlay is asked for", () => {
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

  it("gives QEMU's raw disks to dd only if the document asks for raw", () => {
    const driverName = "qemu";
    expect(external({ driverName, format: "raw" })).to.equal("qdisk");
    expect(external({ driverName })).to.equal("qdisk");
    expect(external({ driverName, format: "raw" }, "raw")).to.equal("dd");
    expect(external({ driverName, format: "qcow2" }, "raw")).to.equal(undefined);
  });

  it("gives whatever tapdisk serves to blktap, but for the copy of a raw disk", () => {
    for (const driverName of ["tap", "tap2"]) {
      expect(external({ driverName, format: "vhd" })).to.equal("blktap");
      expect(external({ driverName, format: "raw" })).to.equal("blktap");
      expect(external({ driverName, format: "raw" }, "raw")).to.equal("dd");
      expect(external({ driverName, format: "vhd" }, "qcow2")).to.equal("blktap");
      expect(chosen(disk({ driverName }), { mode: "internal" })).to.equal("blktap");
    }
    expect(external({ driverName: "qemu", format: "vhd" }), "to say why not").to.equal("blktap");
  });

  it("leaves formats alone that no overlay can have", () => {
    for (const format of ["vmdk", "vhd", "vpc", "qcow"] as const)
      expect(external({}, format)).to.equal(undefined);
  });
});
