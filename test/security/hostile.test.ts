import { expect } from "chai";
import { execFileSync } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const SECRET = "root:$6$secret";
/** Of vda only, and on the raw disk nothing. */
const INTERNAL = "<disk name='vda' snapshot='internal'/><disk name='vdb' snapshot='no'/>";
const qemuImg = (...args: string[]) => execFileSync("qemu-img", args, { encoding: "utf8" });

/** A guest with a qcow2 disk (vda) and a raw one (vdb), and what an attacker may have put there. */
describe("security", function () {
  let guest: SweepGuest;
  const inFolder = (name: string) => join(guest.folder, name);
  const take = (name: string, disks: string) =>
    guest.run(["snapshot-create", "guest", guest.document(name, disks)]);
  const overlay = (file: string) =>
    `<disk name='vda' snapshot='external'><source file='${file}'/></disk><disk name='vdb' snapshot='no'/>`;

  before(async () => {
    ensureBuilt();
    guest = await SweepGuest.make([
      { driver: "qemu", format: "qcow2" },
      { driver: "qemu", format: "raw" },
    ]);
    writeFileSync(inFolder("secret"), SECRET, { mode: 0o600 });
    guest.save();
  });
  beforeEach(() => guest.restore());
  after(() => guest.remove());

  describe("hostile images", () => {
    const names = (folder: string): Readonly<Record<string, string>> => ({
      "a backing file without a format": join(folder, "secret"),
      "a network URL": "nbd://127.0.0.1:1/secret",
      "a protocol in disguise": "fat:/etc",
      "a json: description": `json:{"driver":"raw","file":{"driver":"file","filename":"${folder}/secret"}}`,
    });
    for (const kind of Object.keys(names("/")))
      it(`with ${kind} are refused by every command`, () => {
        const image = inFolder("disk0.img");
        const backing = names(guest.folder)[kind] ?? "";
        writeBacking(image, backing);
        const images = () => guest.listFiles().filter((name) => !name.startsWith("domains"));
        const before = images();
        for (const disks of [overlay(inFolder("new.qcow2")), INTERNAL]) {
          const { status, stderr } = take("s1", disks);
          expect(status).to.equal(1);
          expect(stderr).to.contain("disk0.img").and.not.to.contain(SECRET);
        }
        expect(guest.run(["check", "guest"]).stdout).not.to.contain(SECRET);
        expect(images()).to.deep.equal(before);
      });

    it("of a raw disk into which a guest wrote a qcow2 header are raw to every command", async () => {
      const raw = inFolder("disk1.img");
      const trap = inFolder("trap.qcow2");
      qemuImg("create", "-q", "-f", "qcow2", trap, "64k");
      writeBacking(trap, inFolder("secret"));
      const content = Buffer.alloc(256 * 1024);
      readFileSync(trap).copy(content);
      rmSync(trap);
      writeFileSync(raw, content);
      const vdb = (driver: string) =>
        `<disk name='vda' snapshot='no'/><disk name='vdb' snapshot='external'>${driver}</disk>`;
      expect(take("copy", vdb("<driver type='raw'/>")).status).to.equal(0);
      expect(take("above", vdb("<driver type='qcow2'/>")).status).to.equal(0);
      const above = inFolder("disk1.above");
      expect(qemuImg("info", "-f", "qcow2", above)).to.contain("backing file format: raw");
      await guest.write(7);
      guest.must("snapshot-revert", "guest", "above");
      guest.must("snapshot-delete", "guest", "above");
      guest.must("snapshot-revert", "guest", "copy");
      expect(readFileSync(raw).equals(content)).to.equal(true);
    });
  });

  describe("links planted beside images", () => {
    it("are not written through, to a file or to nowhere", () => {
      for (const target of ["secret", "nowhere"]) {
        symlinkSync(inFolder(target), inFolder("disk0.s1"));
        const { status } = take("s1", overlay(inFolder("disk0.s1")));
        expect(status).to.equal(1);
        expect(readlinkSync(inFolder("disk0.s1"))).to.equal(inFolder(target));
        expect(readFileSync(inFolder("secret"), "utf8")).to.equal(SECRET);
        expect(existsSync(inFolder("nowhere"))).to.equal(false);
        rmSync(inFolder("disk0.s1"));
      }
    });

    it("under the name of an incomplete file, as far as that can be guessed, are let alone", () => {
      const planted = inFolder("disk0.s1.domsnap-partial");
      symlinkSync(inFolder("secret"), planted);
      expect(take("s1", overlay(inFolder("disk0.s1"))).status).to.equal(0);
      expect(readFileSync(inFolder("secret"), "utf8")).to.equal(SECRET);
      expect(lstatSync(inFolder("disk0.s1")).isFile()).to.equal(true);
      expect(readlinkSync(planted)).to.equal(inFolder("secret"));
    });

    it("under the names of records, of the lock and of the journal are not followed", () => {
      const state = join(guest.definitions, "snapshots", SweepGuest.uuid);
      for (const name of ["lock", "journal", "journal.new", "current", "s1.xml", "s1.xml.new"]) {
        guest.restore();
        mkdirSync(state, { recursive: true, mode: 0o700 });
        symlinkSync(inFolder("secret"), join(state, name));
        guest.run(["snapshot-create", "guest", guest.document("s1", INTERNAL)]);
        guest.run(["check", "guest", "--repair", "--yes"]);
        expect(readFileSync(inFolder("secret"), "utf8"), name).to.equal(SECRET);
      }
    });

    it("for the state folder itself are refused", () => {
      mkdirSync(inFolder("elsewhere"));
      symlinkSync(inFolder("elsewhere"), join(guest.definitions, "snapshots"));
      mkdirSync(join(inFolder("elsewhere"), "kept"));
      const state = join(guest.definitions, "snapshots", SweepGuest.uuid);
      symlinkSync(inFolder("elsewhere"), state);
      expect(take("s1", INTERNAL).status).to.equal(1);
      expect(existsSync(join(inFolder("elsewhere"), "lock"))).to.equal(false);
    });
  });

  describe("hostile names", () => {
    const HOSTILE = ["-c", "--all", "$(touch pwned)", "a;b|c`d`", "s 1", "%s%n", "naïve", "-"];
    for (const name of HOSTILE)
      it(`like ${JSON.stringify(name)} are names and nothing else`, async () => {
        const before = await guest.observe();
        expect(take(name, INTERNAL).status).to.equal(0);
        expect(qemuImg("snapshot", "-l", inFolder("disk0.img"))).to.contain(name);
        expect(existsSync("pwned") || existsSync(inFolder("pwned"))).to.equal(false);
        guest.must("snapshot-delete", "guest", "--snapshotname", name);
        const { files: _before, ...kept } = before;
        const { files: _after, ...left } = await guest.observe();
        expect(left).to.deep.equal(kept);
      });

    for (const name of ["../../evil", "..", "a/b", ".hidden", "x".repeat(300)])
      it(`like ${JSON.stringify(name.slice(0, 20))} are refused`, () => {
        const file = guest.document("document", INTERNAL);
        const text = readFileSync(file, "utf8").replace("<name>document", `<name>${name}`);
        writeFileSync(file, text);
        expect(guest.run(["snapshot-create", "guest", file]).status).to.equal(1);
        expect(guest.listFiles().join()).not.to.contain("evil");
      });

    it("of domains cannot lead out of the folder of definitions", () => {
      for (const name of ["../escaped", "/tmp/escaped", ".."]) {
        const file = join(guest.home, "escape.xml");
        writeFileSync(
          file,
          `<domain type='xen'><name>${name}</name><memory>1</memory><os><type>hvm</type></os></domain>`,
        );
        expect(guest.run(["define", file]).status).to.equal(1);
      }
      expect(existsSync(inFolder("escaped.xml"))).to.equal(false);
    });

    it("with escape sequences reach no terminal, in tables, errors and checks", () => {
      const document = guest.document("document", INTERNAL);
      const hostile = "\u202egnol\u2028x";
      writeFileSync(
        document,
        readFileSync(document, "utf8")
          .replace("<name>document", `<name>${hostile}`)
          .replace("<description>before", "<description>&#10;\u009b31m"),
      );
      guest.run(["snapshot-create", "guest", document]);
      for (const args of [
        ["snapshot-list", "guest"],
        ["snapshot-list", "guest", "--tree"],
        ["snapshot-info", "guest", hostile],
        ["snapshot-info", "guest", "\u001b[31mred"],
        ["check", "guest"],
        ["domstate", "\u001b]0;title\u0007"],
      ]) {
        const { stdout, stderr } = guest.run(args);
        expect(stdout + stderr, args.join(" ")).not.to.match(/(?!\n)[\p{Cc}\u202e\u2028]/u);
      }
    });
  });

  describe("hostile documents", () => {
    const LAUGHS =
      '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c SYSTEM "file:///etc/passwd">]>';
    it("with a DOCTYPE, deep nesting or 100 MB are refused at once", () => {
      const file = join(guest.home, "hostile.xml");
      for (const text of [
        `${LAUGHS}<domainsnapshot><name>&b;&c;</name></domainsnapshot>`,
        `<domainsnapshot>${"<a>".repeat(200_000)}`,
        `<domainsnapshot><name>${"x".repeat(100_000_000)}</name></domainsnapshot>`,
      ]) {
        writeFileSync(file, text);
        const began = performance.now();
        const { status, stderr } = guest.run(["snapshot-create", "guest", file]);
        expect(status).to.equal(1);
        expect(stderr).not.to.contain("root:");
        expect(stderr.length).to.be.lessThan(4000);
        expect(performance.now() - began).to.be.lessThan(patience(2000));
      }
    });
  });

  describe("secrets", () => {
    it("of a definition are in no plan, message or listing, and only in private files", () => {
      const definition = join(guest.definitions, "guest.xml");
      const text = readFileSync(definition, "utf8").replace(
        "</devices>",
        "<graphics type='vnc' passwd='hunter2'/></devices>",
      );
      writeFileSync(definition, text, { mode: 0o600 });
      const document = guest.document("s1", INTERNAL);
      const outputs = [
        ["snapshot-create", "guest", document, "--dry-run"],
        ["snapshot-create", "guest", document, "--dry-run", "--json"],
        ["snapshot-create", "guest", document, "--json"],
        ["snapshot-create", "guest", document],
        ["snapshot-dumpxml", "guest", "s1"],
        ["dumpxml", "guest"],
        ["snapshot-list", "guest", "--json"],
        ["snapshot-revert", "guest", "s1", "--dry-run", "--json"],
        ["check", "guest", "--json"],
        ["locks"],
      ].map((args) => guest.run(args));
      for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.to.contain("hunter2");
      expect(guest.must("snapshot-dumpxml", "guest", "s1", "--security-info")).to.contain(
        "hunter2",
      );
      expect(guest.openFiles()).to.deep.equal([]);
    });
  });
});

/** Writes a backing name into an image, without a format, as an attacker would: not by qemu-img. */
function writeBacking(image: string, name: string): void {
  const header = readFileSync(image);
  const at = 1024;
  header.writeBigUInt64BE(BigInt(at), 8);
  header.writeUInt32BE(Buffer.byteLength(name), 16);
  header.write(name, at, "utf8");
  writeFileSync(image, header);
}
