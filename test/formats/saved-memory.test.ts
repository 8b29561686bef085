import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import {
  openMemorySink,
  prepareMigration,
  QmpClient,
  startMigration,
  waitForMigration,
} from "../../src/clients/qmp/index.js";
import { lookAtMemory, recognizeMemory } from "../../src/formats/saved-memory/index.js";
import { expectError } from "../../src/testing/expect-error.js";
import { startIdleQemu } from "../clients/qmp/support/idle-qemu.js";
import { transcriptPath } from "../clients/xl/transcripts.js";
import { testFolder } from "../support/images/folder.js";

describe("what is said to be a guest's memory", () => {
  const folder = testFolder();
  const looksLike = async (path: string) => (await lookAtMemory(path))?.looksLike;

  it("is told of what QEMU saves", async () => {
    const qemu = await startIdleQemu("-machine", "pc", "-m", "64");
    const file = folder.file("memory");
    writeFileSync(file, "");
    try {
      const client = await QmpClient.connect(qemu.socket);
      const sink = await openMemorySink(file, folder.file("memory.socket"));
      await prepareMigration(client, { background: false });
      await startMigration(client, sink.uri);
      await waitForMigration(client, { pollMs: 5 });
      await sink.finish();
      client.close();
    } finally {
      await qemu.stop();
    }
    expect((await lookAtMemory(file))?.format).to.equal("qemu");
  });

  it("is told of what xl has saved", async () => {
    const look = await lookAtMemory(transcriptPath("save-file-head.bin"));
    expect(look?.format).to.equal("xl");
  });

  for (const [magic, format] of [
    ["LibvirtQemudSave", "libvirt"],
    ["LibvirtQemudPart", "libvirt"],
    ["libvirt-xml\n \0 \r", "libvirt-xen"],
    ["LibxlFmt", "libxl"],
  ] as const)
    it(`is told of what begins with ${JSON.stringify(magic)}`, () => {
      const head = Buffer.concat([Buffer.from(magic, "latin1"), Buffer.alloc(100, 7)]);
      expect(recognizeMemory(head).format).to.equal(format);
    });

  it("is not taken for images, disks, programs and texts", async () => {
    for (const [format, look] of [
      ["qcow2", "a qcow2 image"],
      ["qed", "a qed image"],
      ["vpc", "a VHD"],
      ["vhdx", "a VHDX image"],
      ["vmdk", "a VMDK image"],
      ["vdi", "a VDI image"],
      ["raw", "a file of zeroes"],
    ] as const) {
      const file = folder.file(`image.${format}`);
      execFileSync("qemu-img", ["create", "-q", "-f", format, file, "4M"]);
      expect(await lookAtMemory(file), format).to.deep.equal({ looksLike: look });
    }
    const disk = Buffer.alloc(4096);
    disk.set([0x55, 0xaa], 510);
    writeFileSync(folder.file("disk"), disk);
    writeFileSync(folder.file("text"), "Größe: 1\n");
    writeFileSync(folder.file("empty"), "");
    writeFileSync(folder.file("other"), Buffer.from([1, 2, 3, 255, 0, 9]));
    expect(await looksLike(folder.file("disk"))).to.equal("a disk");
    expect(await looksLike(folder.file("text"))).to.equal("a text file");
    expect(await looksLike(folder.file("empty"))).to.equal("an empty file");
    expect(await looksLike(process.execPath)).to.equal("a program");
    expect(await looksLike(folder.file("other"))).to.equal(
      "something that begins with the bytes 010203ff0009",
    );
  });

  it("is not waited for, and what cannot be read is not absent", async () => {
    execFileSync("mkfifo", [folder.file("fifo")]);
    expect(await looksLike(folder.file("fifo"))).to.equal("neither a file nor a block device");
    mkdirSync(folder.file("folder"));
    expect(await looksLike(folder.file("folder"))).to.equal("neither a file nor a block device");
    expect(await looksLike(folder.file("gone"))).to.equal(undefined);
    expect(await looksLike(folder.file("text/below"))).to.equal(undefined);
    // A regular file whose beginning gives EIO, to root as well.
    await expectError(lookAtMemory("/proc/self/mem"), "system-error");
  });
});
