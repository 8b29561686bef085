import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

import { expect } from "chai";

import { RANK, temporaryName } from "../../../src/core/model/index.js";
import { changeFile } from "../../../src/host/replace-file.js";
import { BlktapBackend } from "../../../src/plugins/blktap/index.js";
import { ConfigFolder, definitionOfFile } from "../../../src/plugins/toolstack-xl/config-folder.js";
import { domainDisksOf } from "../../../src/plugins/toolstack-xl/disk-servers.js";
import { defineGuest } from "../../../src/plugins/toolstack-xl/domain-xml.js";
import { domainStateOf } from "../../../src/plugins/toolstack-xl/xen-domains.js";
import { guestOfLibxl, guestOfXlCfg } from "../../../src/plugins/toolstack-xl/xen-guest.js";
import { parseBlockList, parseLongList, parseState } from "../../../src/clients/xl/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { relocateDisks } from "../../../src/xml/index.js";
import { testFolder } from "../../support/images/folder.js";
import { readTranscript } from "../../clients/xl/transcripts.js";

const UUID = "3b7c6be4-1c1d-4e5f-8a6b-0123456789ab";

describe("definition of a Xen guest", () => {
  it("is made from what xl told, and from what serves its disks", () => {
    const [domain] = parseLongList(readTranscript("list-long").stdout);
    if (!domain) throw new Error("the recorded list is empty");
    const served = parseBlockList(readTranscript("block-list").stdout);
    const guest = guestOfLibxl(domain.config);
    const definition = defineGuest({ ...guest, uuid: UUID }, domainDisksOf(guest.disks, served));
    expect(definition).to.include({ type: "xen", name: "recorded", osType: "linux" });
    expect(definition.memoryKib).to.equal(131072n);
    const drivers = definition.disks.map((disk) =>
      [disk.target, disk.driverName, disk.format, disk.type, disk.device].join(" "),
    );
    expect(drivers).to.deep.equal([
      "xvda qemu qcow2 file disk",
      "xvdb qemu qcow2 file disk",
      "xvdc phy raw block disk",
      "xvdd qemu raw block cdrom",
    ]);
    expect(definition.disks[3]).to.include({ readonly: true, snapshot: "no" });
  });

  it("is the same from a file", () => {
    const guest = guestOfXlCfg(
      `name = "g"\nuuid = "${UUID}"\ntype = "hvm"\nmemory = 512\nmaxmem = 1024\nvcpus = 2
root = "/dev/xvda1"\nextra = "quiet"\ndisk = [ "/images/a.qcow2,qcow2,hda,rw" ]\n`,
      "g.cfg",
    );
    expect(guest).to.include({
      ...{ type: "hvm", memoryKib: 524288n, maxMemoryKib: 1048576n, vcpus: 2 },
      commandLine: "root=/dev/xvda1 quiet",
    });
    const disks = domainDisksOf(guest?.disks ?? [], []);
    expect(disks[0]).to.include({ target: "hda", bus: "ide", driverName: "qemu" });
  });

  it("is none without a name", () => {
    expect(guestOfXlCfg('output_format = "json"\n', "xl.conf")).to.equal(undefined);
  });

  for (const [letters, state] of [
    ...[["r-----", "running"] as const, ["-b----", "running"] as const],
    ...[["------", "running"] as const, ["--p---", "paused"] as const],
    ...[["---s--", "shutdown"] as const, ["---sc-", "crashed"] as const],
    ...[["---ss-", "pmsuspended"] as const, ["-----d", "shutdown"] as const],
  ])
    it(`says ${state} for ${letters}`, () => {
      expect(domainStateOf(parseState(letters))).to.equal(state);
    });
});

describe("ConfigFolder", () => {
  const folder = testFolder();
  const files = () => new ConfigFolder(folder.path);
  const write = (name: string, uuid: string | undefined, domain = name) => {
    const uuidLine = uuid === undefined ? "" : `uuid = "${uuid}"\n`;
    const text = `# by hand\nname = "${domain}"\n${uuidLine}memory = 64
disk = [
  "format=qcow2,vdev=xvda,access=rw,target=/images/a.qcow2", # system
  "phy:/dev/vg/b,xvdb,w",
]
`;
    writeFileSync(folder.file(`${name}.cfg`), text);
    return text;
  };

  it("lists what xl would take, and is not stopped by what it would not", () => {
    write("good", UUID);
    writeFileSync(folder.file("bad.cfg"), "name = unquoted\n");
    writeFileSync(folder.file("empty.cfg"), "");
    writeFileSync(folder.file("other.conf"), 'name = "other"\n');
    expect(
      files()
        .list()
        .map(({ guest }) => guest.name),
    ).to.deep.equal(["good"]);
    expect(new ConfigFolder(folder.file("nosuch")).list()).to.deep.equal([]);
  });

  it("finds a guest by its uuid, or by its name where the file has no uuid", () => {
    write("one", UUID, "renamed");
    write("two", undefined);
    expect(files().find({ name: "old", uuid: UUID })?.guest.name).to.equal("renamed");
    expect(files().find({ name: "two", uuid: UUID.replace("3", "4") })?.guest.name).to.equal("two");
    expect(files().find({ name: "three" })).to.equal(undefined);
  });

  it("refuses two files of one guest", async () => {
    write("one", UUID);
    write("copy", UUID);
    await expectError(() => files().find({ name: "one", uuid: UUID }), "operation-failed", /both/);
  });

  it("changes the disks of a definition in the file and nothing else", async () => {
    const text = write("one", UUID);
    chmodSync(folder.file("one.cfg"), 0o640);
    const file = files().require({ name: "one", uuid: UUID });
    const before = definitionOfFile(file, UUID);
    const after = relocateDisks(before, [
      { target: "xvda", type: "file", source: { path: "/images/a,b.s1" }, format: "qcow2" },
    ]);
    expect(files().holds(before)).to.equal(true);
    expect(files().holds(after)).to.equal(false);
    for (let time = 1; time <= 2; time++) {
      await files().write(after);
      expect(files().holds(after)).to.equal(true);
      expect(readFileSync(folder.file("one.cfg"), "utf8")).to.equal(
        text.replace("/images/a.qcow2", "/images/a,b.s1"),
      );
    }
    expect(statSync(folder.file("one.cfg")).mode & 0o777).to.equal(0o640);
    await files().write(before);
    expect(readFileSync(folder.file("one.cfg"), "utf8")).to.equal(text);
  });

  it("replaces nothing but the file itself, which somebody may be editing", async () => {
    const text = write("one", UUID);
    const cfg = folder.file("one.cfg");
    const before = definitionOfFile(files().require({ name: "one", uuid: UUID }), UUID);
    const after = relocateDisks(before, [
      { target: "xvda", type: "file", source: { path: "/images/b" }, format: "qcow2" },
    ]);
    const strangers = [`${cfg}.domsnap-new`, temporaryName(cfg, "tmp", "0123456789ab")];
    for (const path of strangers) writeFileSync(path, "somebody's");
    const unfinished = temporaryName(cfg, "tmp", "ba9876543210");
    writeFileSync(unfinished, text.slice(0, 20));
    await files().write(after);
    expect(files().holds(after)).to.equal(true);
    for (const path of strangers) expect(readFileSync(path, "utf8")).to.equal("somebody's");
    expect(existsSync(unfinished)).to.equal(false);

    writeFileSync(cfg, text);
    const edited = `${text}# mine\n`;
    const changing = changeFile(cfg, text, "ours");
    writeFileSync(cfg, edited);
    await expectError(changing, "operation-failed", /changed by somebody else/);
    expect(readFileSync(cfg, "utf8")).to.equal(edited);
    const left = readdirSync(folder.path).filter((name) => name.startsWith("one.cfg."));
    expect(left.sort()).to.deep.equal(strangers.map((path) => basename(path)).sort());
  });

  it("knows tapdisk's disks in both ways of telling them, and keeps the way", async () => {
    const disks = (...targets: string[]) =>
      `name = "tap"\nuuid = "${UUID}"\nmemory = 64\ndisk = [\n` +
      `  "format=raw,vdev=xvda,access=rw,backendtype=tap,target=${targets[0]}",\n` +
      `  "format=raw,vdev=xvdb,access=rw,script=block-tap,target=${targets[1]}",\n` +
      `  "format=raw,vdev=xvdc,access=rw,script=/etc/xen/scripts/block-tap,target=${targets[2]}",\n]\n`;
    const text = disks("/images/a", "aio:/images/b", "vhd:/images/c.vhd");
    writeFileSync(folder.file("tap.cfg"), text);
    const before = definitionOfFile(files().require({ name: "tap", uuid: UUID }), UUID);
    const told = before.disks.map(({ driverName, format, type, source }) =>
      [driverName, format, type, source?.path].join(" "),
    );
    expect(told).to.deep.equal([
      "tap raw file /images/a",
      "tap raw file /images/b",
      "tap vhd file /images/c.vhd",
    ]);
    const backend = new BlktapBackend();
    for (const disk of before.disks)
      expect(backend.offer(disk, { mode: "external" })?.rank, disk.target).to.equal(RANK.native);
    // As the first snapshot changes raw disks.
    const after = relocateDisks(
      before,
      ["a", "b", "c.s"].map((name, index) => ({
        target: `xvd${"abc"[index]!}`,
        type: "file" as const,
        source: { path: `/images/${name}` },
        format: "vhd" as const,
      })),
    );
    await files().write(after);
    expect(files().holds(after)).to.equal(true);
    const changed = disks("/images/a", "vhd:/images/b", "vhd:/images/c.s");
    expect(readFileSync(folder.file("tap.cfg"), "utf8")).to.equal(
      changed.replace("format=raw,vdev=xvda", "format=vhd,vdev=xvda"),
    );
    await files().write(before);
    expect(files().holds(before)).to.equal(true);
  });

  it("refuses a definition with other disks, and a guest without a file", async () => {
    write("one", UUID);
    const definition = definitionOfFile(files().require({ name: "one", uuid: UUID }), UUID);
    const disks = definition.disks.slice(0, 1);
    await expectError(files().write({ ...definition, disks }), "config-unsupported", /xvdb/);
    const uuid = UUID.replace("3", "4");
    await expectError(files().write({ ...definition, uuid }), "no-domain");
  });
});
