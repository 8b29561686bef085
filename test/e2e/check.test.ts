import { expect } from "chai";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import type { FindingCode } from "../../src/core/rules/index.js";
import { formatCheckedLine } from "../../src/formats/own-files.js";
import { editRecord } from "../support/edit-record.js";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

/** vda is raw, vdb qcow2. `copies` keeps a copy and an internal snapshot; the others overlays. */
const COPIES =
  "<disk name='vda' snapshot='external'><driver type='raw'/></disk>" +
  "<disk name='vdb' snapshot='internal'/>";
const OVERLAYS =
  "<disk name='vda' snapshot='external'><driver type='qcow2'/></disk>" +
  "<disk name='vdb' snapshot='external'/>";

interface Damage {
  readonly title: string;
  readonly found: readonly FindingCode[];
  readonly make: (guest: SweepGuest) => void;
}

const state = (guest: SweepGuest, name: string) =>
  join(guest.definitions, "snapshots", SweepGuest.uuid, name);
const image = (guest: SweepGuest, name: string) => join(guest.folder, name);
const qemuImg = (...args: string[]) => execFileSync("qemu-img", args, { stdio: "ignore" });

const EXPLAINED: readonly Damage[] = [
  {
    title: "a record that was cut off",
    found: ["record-unreadable"],
    make: (guest) => truncateSync(state(guest, "copies.xml"), 200),
  },
  {
    title: "a record that is gone, while its images are there",
    found: ["internal-unrecorded", "copy-unnamed", "parent-missing"],
    make: (guest) => rmSync(state(guest, "copies.xml")),
  },
  {
    title: "a record that was replaced by a link",
    found: ["record-unreadable", "file-unknown", "parent-missing"],
    make: (guest) => {
      const record = state(guest, "copies.xml");
      renameSync(record, image(guest, "elsewhere.xml"));
      symlinkSync(image(guest, "elsewhere.xml"), record);
    },
  },
  {
    title: "a record under the name of another",
    found: ["record-unreadable"],
    make: (guest) => copyFileSync(state(guest, "copies.xml"), state(guest, "stranger.xml")),
  },
  {
    title: "a frozen copy that is gone",
    found: ["snapshot-file-missing"],
    make: (guest) => rmSync(image(guest, "disk0.copies")),
  },
  {
    title: "a frozen copy that was cut off",
    found: ["snapshot-file-size"],
    make: (guest) => truncateSync(image(guest, "disk0.copies"), 4096),
  },
  {
    title: "saved memory that is gone",
    found: ["snapshot-file-missing"],
    make: (guest) =>
      editRecord(state(guest, "copies.xml"), (xml) =>
        xml
          .replace("<state>shutoff", "<state>running")
          .replace("<memory snapshot='no'/>", "<memory snapshot='external' file='/gone/memory'/>"),
      ),
  },
  {
    title: "something else under the name of saved memory",
    found: ["memory-foreign"],
    make: (guest) =>
      editRecord(state(guest, "copies.xml"), (xml) =>
        xml
          .replace("<state>shutoff", "<state>running")
          .replace(
            "<memory snapshot='no'/>",
            `<memory snapshot='external' file='${image(guest, "disk1.img")}'/>`,
          ),
      ),
  },
  {
    title: "an internal snapshot that somebody has deleted",
    found: ["internal-missing"],
    make: (guest) => qemuImg("snapshot", "-d", "copies", image(guest, "disk1.img")),
  },
  {
    title: "an internal snapshot that somebody has taken a second time",
    found: ["internal-ambiguous"],
    make: (guest) => qemuImg("snapshot", "-c", "copies", image(guest, "disk1.img")),
  },
  {
    title: "an overlay that is gone",
    found: ["image-missing"],
    make: (guest) => rmSync(image(guest, "disk1.overlays")),
  },
  {
    title: "a record that somebody has edited",
    found: ["record-unreadable"],
    make: (guest) => {
      const path = state(guest, "copies.xml");
      const text = readFileSync(path, "utf8");
      writeFileSync(path, text.replace("disk0.copies", "disk0.img"));
    },
  },
  {
    title: "a record of a later version of domsnap",
    found: ["record-unreadable"],
    make: (guest) =>
      editRecord(state(guest, "copies.xml"), (text) => text.replace("Format: 1", "Format: 2")),
  },
  {
    title: "an overlay that is no image any more",
    found: ["image-unreadable"],
    make: (guest) => writeFileSync(image(guest, "disk1.overlays"), "no image"),
  },
  {
    title: "an overlay that was put on another image",
    found: ["overlay-unlinked"],
    make: (guest) => {
      copyFileSync(image(guest, "disk0.img"), image(guest, "other.raw"));
      const overlay = image(guest, "disk0.overlays");
      qemuImg("rebase", "-u", "-F", "raw", "-b", image(guest, "other.raw"), overlay);
    },
  },
  {
    title: "images that stand on one another in a circle",
    found: ["chain-loop"],
    make: (guest) => {
      const overlay = image(guest, "disk1.overlays");
      qemuImg("rebase", "-u", "-F", "qcow2", "-b", overlay, image(guest, "disk1.img"));
    },
  },
  {
    title: "an overlay that nobody knows",
    found: ["overlay-unknown"],
    make: (guest) => {
      const base = image(guest, "disk1.overlays");
      qemuImg("create", "-f", "qcow2", "-F", "qcow2", "-b", base, image(guest, "stray.qcow2"));
    },
  },
  {
    title: "a journal that is not one",
    found: ["journal-unreadable"],
    make: (guest) => writeFileSync(state(guest, "journal"), "not a journal\n", { mode: 0o600 }),
  },
  {
    title: "a file that does not belong among the records",
    found: ["file-unknown"],
    make: (guest) => writeFileSync(state(guest, "notes.txt"), "", { mode: 0o600 }),
  },
];

const REPAIRED: readonly Damage[] = [
  {
    title: "a mark of the current snapshot that leads nowhere",
    found: ["current-missing"],
    make: (guest) => writeFileSync(state(guest, "current"), formatCheckedLine("gone")),
  },
  {
    title: "a mark of the current snapshot that is damaged",
    found: ["current-missing"],
    make: (guest) => writeFileSync(state(guest, "current"), "copies"),
  },
  {
    title: "a parent that does not exist",
    found: ["parent-missing"],
    make: (guest) =>
      editRecord(state(guest, "overlays.xml"), (xml) => xml.replace("<name>copies", "<name>gone")),
  },
  {
    title: "snapshots that are each other's parents",
    found: ["parent-loop"],
    make: (guest) =>
      editRecord(state(guest, "copies.xml"), (xml) =>
        xml.replace("<creationTime>", "<parent><name>overlays</name></parent><creationTime>"),
      ),
  },
  {
    title: "a record that everybody may read",
    found: ["file-open"],
    make: (guest) => chmodSync(state(guest, "copies.xml"), 0o644),
  },
  {
    title: "a frozen copy that everybody may read",
    found: ["file-open"],
    make: (guest) => chmodSync(image(guest, "disk0.copies"), 0o644),
  },
  {
    title: "an incomplete file of an attempt that was given up",
    found: ["file-leftover"],
    make: (guest) =>
      writeFileSync(image(guest, "disk0.copies.domsnap-partial-0123456789ab"), "half"),
  },
];

describe("check", function () {
  this.timeout(patience(300_000));
  let guest: SweepGuest;

  before(async () => {
    ensureBuilt();
    guest = await SweepGuest.make([
      { driver: "qemu", format: "raw" },
      { driver: "qemu", format: "qcow2" },
    ]);
    guest.must("snapshot-create", "guest", guest.document("copies", COPIES));
    await guest.write(3);
    guest.must("snapshot-create", "guest", guest.document("overlays", OVERLAYS));
    guest.save();
  });
  beforeEach(() => guest.restore());
  after(() => guest.remove());

  const codes = async () => {
    const reports = await (await guest.service()).check("guest");
    return reports.flatMap(({ findings }) => findings.map(({ code }) => code));
  };

  it("finds nothing where nothing is wrong", async () => {
    expect(await codes()).to.deep.equal([]);
    expect(guest.run(["check"])).to.include({ status: 0, stdout: "" });
  });

  for (const { title, found, make } of EXPLAINED)
    it(`explains ${title}, and changes nothing`, async () => {
      make(guest);
      expect(await codes()).to.include.members([...found]);
      const before = guest.listFiles();
      const { status, stdout } = guest.run(["check", "guest"]);
      expect(stdout).to.contain(`${found[0]}: `);
      expect(status).to.equal(1);
      expect(guest.listFiles()).to.deep.equal(before);
    });

  for (const { title, found, make } of REPAIRED)
    it(`repairs ${title}`, async () => {
      make(guest);
      expect(await codes()).to.deep.equal(found);
      const unasked = guest.run(["check", "guest", "--repair"]);
      expect(unasked).to.include({ status: 1 });
      expect(unasked.stdout).to.contain(found[0]).and.to.contain("--yes");
      expect(await codes(), "without a yes").to.deep.equal(found);
      expect(guest.run(["check", "guest", "--repair", "--yes"])).to.include({ status: 0 });
      expect(await codes(), "after the repair").to.deep.equal([]);
    });

  it("changes no file that a document has named elsewhere, unless its folder is named", async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), "domsnap-check-"));
    const [copy, leftover] = [
      join(elsewhere, "copy"),
      join(elsewhere, "copy.domsnap-partial-0123456789ab"),
    ];
    copyFileSync(image(guest, "disk0.copies"), copy);
    writeFileSync(leftover, "half");
    chmodSync(copy, 0o644);
    chmodSync(leftover, 0o644);
    const document = readFileSync(state(guest, "copies.xml"), "utf8")
      .replace(/<!--.*?-->/s, "")
      .replace("<name>copies<", "<name>told<")
      .replace(image(guest, "disk0.copies"), copy);
    writeFileSync(image(guest, "told.document"), document);
    guest.must("snapshot-create", "guest", image(guest, "told.document"), "--redefine");
    const modeOf = (path: string) => statSync(path).mode & 0o777;
    try {
      expect(await codes()).to.include.members(["file-open", "file-leftover"]);
      const { stdout } = guest.run(["check", "guest", "--repair", "--yes"]);
      expect(stdout).to.include(`--trust-folder '${elsewhere}'`);
      expect([modeOf(copy), modeOf(leftover)]).to.deep.equal([0o644, 0o644]);
      guest.run(["check", "guest", "--repair", "--yes", "--trust-folder", elsewhere]);
      expect(modeOf(copy)).to.equal(0o600);
      expect(existsSync(leftover)).to.equal(false);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });

  it("removes nothing that it has not listed", async () => {
    writeFileSync(image(guest, "disk0.copies.domsnap-partial-0123456789ab"), "half");
    const service = await guest.service();
    const [report] = await service.check("guest");
    writeFileSync(image(guest, "disk0.later.domsnap-partial-0123456789ab"), "half");
    const after = await service.repair("guest", report?.findings ?? []);
    expect(after.findings.map(({ subject }) => subject)).to.deep.equal([
      image(guest, "disk0.later.domsnap-partial-0123456789ab"),
    ]);
    expect(statSync(image(guest, "disk0.later.domsnap-partial-0123456789ab")).size).to.equal(4);
  });

  it("tells of records whose domain is not defined", async () => {
    renameSync(join(guest.definitions, "guest.xml"), join(guest.folder, "guest.xml"));
    const reports = await (await guest.service()).check();
    expect(reports.flatMap(({ findings }) => findings)).to.have.lengthOf(1);
    expect(reports[0]?.findings[0]).to.include({ code: "domain-unknown" });
  });
});
