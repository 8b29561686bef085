import { writeFileSync } from "node:fs";

import { expect } from "chai";

import type {
  DiskSnapshot,
  DomainDefinition,
  DomainSnapshot,
  ImageFormat,
} from "../../src/core/model/index.js";
import { overlaysOf, withDefinitionOf } from "../../src/qemu-images/foreign-snapshot.js";
import { libvirtDocuments } from "../../src/xml/index.js";
import { testFolder } from "../support/images/folder.js";
import { exec } from "../support/images/qemu-images.js";

describe("a snapshot without a definition of its domain", () => {
  const folder = testFolder();

  /** A domain of which each disk uses a file of the folder. */
  function domain(...files: readonly (readonly [file: string, format: ImageFormat])[]) {
    const disks = files.map(
      ([file, format], at) =>
        `<disk type='file' device='disk'><driver name='qemu' type='${format}'/>` +
        `<source file='${folder.file(file)}'/><target dev='vd${"abc"[at] ?? ""}'/></disk>`,
    );
    return libvirtDocuments.parseDomain(
      "<domain type='xen'><name>guest</name>" +
        "<uuid>c7a5fdbd-edaf-9455-926a-d65c16db1809</uuid><memory unit='MiB'>64</memory>" +
        `<os><type>hvm</type></os><devices>${disks.join("")}</devices></domain>`,
    );
  }

  function snapshot(
    files: Readonly<Record<string, readonly [file: string, format?: ImageFormat]>>,
  ): DomainSnapshot {
    const disks = Object.entries(files).map(([name, [file, format]]): DiskSnapshot => ({
      ...{ name, type: "file", mode: "external", source: { path: folder.file(file) } },
      ...(format && { format }),
    }));
    return { name: "s", state: "shutoff", creationTime: 1n, disks };
  }

  const pathsOf = (definition: DomainDefinition | undefined) =>
    definition?.disks.map(({ source }) => source?.path);

  const create = (file: string, format: ImageFormat, ...backing: readonly string[]) =>
    exec("qemu-img", "create", "-q", "-f", format, ...backing, folder.file(file), "1M");

  it("had the image below an overlay, and the present one where a file is a copy", async () => {
    await create("base.qcow2", "qcow2");
    await create("top.qcow2", "qcow2", "-F", "qcow2", "-b", folder.file("base.qcow2"));
    await create("disk.qcow2", "qcow2");
    await create("copy.qcow2", "qcow2");
    const files = { vda: ["top.qcow2", "qcow2"], vdb: ["copy.qcow2", "qcow2"] } as const;
    expect((await overlaysOf(snapshot(files))).map(({ target }) => target)).to.deep.equal(["vda"]);
    const present = domain(["top.qcow2", "qcow2"], ["disk.qcow2", "qcow2"]);
    const { domain: told } = await withDefinitionOf(snapshot(files), present);
    expect(pathsOf(told)).to.deep.equal([folder.file("base.qcow2"), folder.file("disk.qcow2")]);
  });

  it("does not believe a header that a guest wrote into a raw disk, nor its copy", async () => {
    await create("secret.qcow2", "qcow2");
    await create("forged", "qcow2", "-F", "qcow2", "-b", folder.file("secret.qcow2"));
    const forged = snapshot({ vda: ["forged", "raw"] });
    expect(await overlaysOf(forged)).to.deep.equal([]);
    const { domain: told } = await withDefinitionOf(forged, domain(["disk.raw", "raw"]));
    expect(pathsOf(told)).to.deep.equal([folder.file("disk.raw")]);
  });

  for (const [title, file, format] of [
    ["is gone", "gone.qcow2", "qcow2"],
    ["is no image", "rubbish", "qcow2"],
    ["has another format than told", "alone.qed", "qcow2"],
    ["has a format that does not tell", "rubbish", "vhd"],
    ["has no format told", "rubbish", undefined],
  ] as const)
    it(`stays without one where a file ${title}`, async () => {
      writeFileSync(folder.file("rubbish"), "rubbish".repeat(200));
      await create("alone.qed", "qed");
      const unclear = snapshot({ vda: format ? [file, format] : [file] });
      expect(await overlaysOf(unclear)).to.have.length(1);
      const told = await withDefinitionOf(unclear, domain(["disk.qcow2", "qcow2"]));
      expect(told).to.equal(unclear);
    });
});
