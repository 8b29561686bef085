import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";

import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError } from "../../../src/core/errors/index.js";
import {
  assertCompleteSaveFile,
  changeConfigDisks,
  renewGenerationId,
  formatSaveFileHeader,
  parseSaveFileHeader,
  readSaveFileHeader,
  recognizeSaveFile,
  rewriteSaveFile,
} from "../../../src/formats/xen-save-file/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { testFolder } from "../../support/images/folder.js";
import { transcriptPath } from "../../clients/xl/transcripts.js";

const recorded = transcriptPath("save-file-head.bin");
const CONFIG = '{"c_info":{"name":"guest"},"disks":[{"pdev_path":"/a","vdev":"xvda","x":[1]}]}';
const header = (config = CONFIG) =>
  formatSaveFileHeader({
    ...{ byteOrder: "little", mandatoryFlags: 3, optionalFlags: 0, config },
    rest: new Uint8Array(),
  });

/** The smallest file that Xen's own checker accepts begins and ends like this. */
const STREAM = Buffer.concat([
  Buffer.from("LibxlFmt\0\0\0\x02\0\0\0\0", "latin1"),
  Buffer.from("memory ".repeat(300_000)),
  Buffer.alloc(8),
]);

describe("header of a memory file of xl", () => {
  it("is read from a file that xl 4.17 wrote", async () => {
    const found = await readSaveFileHeader(recorded);
    expect(found).to.include({ byteOrder: "little", mandatoryFlags: 3, optionalFlags: 0 });
    expect(found.config).to.include('"uuid": "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab"');
    const bytes = readFileSync(recorded);
    expect(bytes.toString("latin1", found.streamOffset, found.streamOffset + 8)).to.equal(
      "LibxlFmt",
    );
    expect(Buffer.from(formatSaveFileHeader(found)).equals(bytes.subarray(0, found.streamOffset)))
      .to.be.true;
  });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(
        fc.record({
          byteOrder: fc.constantFrom("little" as const, "big" as const),
          mandatoryFlags: fc.nat({ max: 3 }),
          optionalFlags: fc.nat(),
          config: fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0")),
          rest: fc.uint8Array(),
        }),
        (written) => {
          const bytes = formatSaveFileHeader(written);
          expect(parseSaveFileHeader(bytes)).to.deep.equal({
            ...written,
            streamOffset: bytes.length,
          });
        },
      ),
    );
  });

  it("never fails but with an error of ours, whatever the bytes are", () => {
    const valid = header();
    fc.assert(
      fc.property(fc.nat(), fc.nat({ max: 255 }), fc.nat(), (at, byte, length) => {
        const bytes = Uint8Array.from(valid.subarray(0, length % (valid.length + 1)));
        if (bytes.length > 0) bytes[at % bytes.length] = byte;
        try {
          parseSaveFileHeader(bytes);
        } catch (thrown) {
          expect(thrown).to.be.instanceOf(DomsnapError);
        }
      }),
    );
  });

  it("is refused where its lengths contradict each other or are huge", async () => {
    for (const [offset, value] of [
      ...[[44, 0xffffffff] as const, [44, 0] as const, [44, 3] as const],
      ...[[48, 0xffffffff] as const, [48, header().length] as const, [32, 0x11111111] as const],
    ]) {
      const bytes = Buffer.from(header());
      bytes.writeUInt32LE(value, offset);
      await expectError(() => parseSaveFileHeader(bytes), "operation-failed", /not a memory file/);
    }
  });

  it("is refused when it is from a newer xl", async () => {
    const bytes = Buffer.from(header());
    bytes.writeUInt32LE(7, 36);
    await expectError(() => parseSaveFileHeader(bytes), "config-unsupported", /newer xl/);
  });

  it("is told from libvirt's", async () => {
    const libvirt = Buffer.concat([Buffer.from("libvirt-xml\n \0 \r"), Buffer.alloc(64)]);
    expect(recognizeSaveFile(libvirt)).to.equal("libvirt");
    const error = await expectError(() => parseSaveFileHeader(libvirt), "config-unsupported");
    expect(error.hint).to.include("virsh restore");
    expect(recognizeSaveFile(Buffer.from("QEVM"))).to.equal(undefined);
  });
});

describe("memory file of xl", () => {
  const folder = testFolder();
  const write = (...parts: readonly Uint8Array[]) => {
    writeFileSync(folder.file("memory"), Buffer.concat(parts));
    return folder.file("memory");
  };

  it("is complete with both ends of its stream", async () => {
    expect((await assertCompleteSaveFile(write(header(), STREAM))).config).to.equal(CONFIG);
  });

  it("is incomplete when it was cut short or holds no configuration", async () => {
    const whole = Buffer.concat([header(), STREAM]);
    for (const length of [0, 20, 60, header().length, header().length + 9, whole.length - 1])
      await expectError(
        assertCompleteSaveFile(write(whole.subarray(0, length))),
        "operation-failed",
      );
    await expectError(assertCompleteSaveFile(recorded), "operation-failed", /no end/);
    await expectError(assertCompleteSaveFile(write(header("{"), STREAM)), "operation-failed");
    await expectError(assertCompleteSaveFile(folder.path), "operation-failed", /regular file/);
  });

  it("gets another configuration, and keeps every byte of the memory", async () => {
    const source = write(header(), STREAM);
    const target = folder.file("rewritten");
    writeFileSync(target, "", { mode: 0o600 });
    await rewriteSaveFile(source, target, (config) =>
      changeConfigDisks(config, [{ vdev: "xvda", path: "/überlay", format: "qcow2" }]),
    );
    const { config, streamOffset } = await assertCompleteSaveFile(target);
    expect(JSON.parse(config)).to.deep.equal({
      c_info: { name: "guest" },
      disks: [{ pdev_path: "/überlay", vdev: "xvda", x: [1], format: "qcow2" }],
    });
    expect(readFileSync(target).subarray(streamOffset).equals(STREAM)).to.equal(true);
    expect(statSync(target).mode & 0o777).to.equal(0o600);
  });

  it("is rewritten to a file that its caller has made, and makes none", async () => {
    const source = write(header(), STREAM);
    const target = folder.file("rewritten");
    await expectError(rewriteSaveFile(source, target, String), "system-error", /No such file/);
    expect(existsSync(target)).to.equal(false);
    writeFileSync(target, "");
    const aborted = AbortSignal.abort();
    await expectError(rewriteSaveFile(source, target, String, aborted), "cancelled");
    await expectError(assertCompleteSaveFile(target), "operation-failed");
  });
});

describe("changeConfigDisks", () => {
  const change = { vdev: "xvda", path: "/b", format: "qcow2" as const };
  const disk = '{"vdev":"xvda"}';
  for (const [what, json] of [
    ["no disks", "{}"],
    ["no such disk", '{"disks":[{"vdev":"xvdb"}]}'],
    ["two of a name", `{"disks":[${disk},${disk}]}`],
    ["a number that would change", `{"disks":[${disk}],"x":12345678901234567}`],
    ["text of xl.cfg", 'name = "guest"'],
  ] as const)
    it(`refuses a configuration with ${what}`, async () => {
      await expectError(() => changeConfigDisks(json, [change]), "invalid-argument");
    });

  it("does not take digits in texts for numbers", () => {
    const json = `{"disks":[${disk}],"x":"12345678901234567"}`;
    expect(changeConfigDisks(json, [change])).to.include('"12345678901234567"');
  });
});

describe("renewGenerationId", () => {
  const hvm = (more: object) =>
    JSON.stringify({ b_info: { "type.hvm": { acpi: "True", ...more } }, disks: [] });

  it("gives a guest that has a generation id another one", () => {
    const before = Array.from({ length: 16 }, () => 7);
    const { b_info: build } = JSON.parse(renewGenerationId(hvm({ ms_vm_genid: before }))) as {
      b_info: { "type.hvm": { acpi: string; ms_vm_genid: number[] } };
    };
    expect(build["type.hvm"].acpi).to.equal("True");
    expect(build["type.hvm"].ms_vm_genid).to.have.length(16).and.not.deep.equal(before);
    for (const byte of build["type.hvm"].ms_vm_genid) expect(byte).to.be.within(0, 255);
  });

  it("leaves a guest that has none as it is", () => {
    for (const json of [hvm({}), '{ "b_info": { "type.pv": {} } }'])
      expect(renewGenerationId(json)).to.equal(json);
  });
});
