import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import type { DiskKind } from "../sweep/support/disk-kinds.js";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

interface Case {
  readonly kind: DiskKind;
  readonly disk: string;
  /** Images that must be free for each verb, beside the disk's own. */
  readonly create: readonly string[];
  readonly revert: readonly string[];
  readonly delete: readonly string[];
}

const CASES: Readonly<Record<string, Case>> = {
  "an overlay of qcow2": {
    kind: { driver: "qemu", format: "qcow2" },
    disk: "snapshot='external'",
    create: [],
    revert: ["disk0.s1"],
    delete: ["disk0.img", "disk0.s1"],
  },
  "a snapshot inside": {
    kind: { driver: "qemu", format: "qcow2" },
    disk: "snapshot='internal'",
    create: ["disk0.img"],
    revert: ["disk0.img"],
    delete: ["disk0.img"],
  },
  "a copy": {
    kind: { driver: "phy", format: "raw" },
    disk: "snapshot='external'",
    create: [],
    revert: ["disk0.img"],
    delete: ["disk0.s1"],
  },
  "an overlay of VHD": {
    kind: { driver: "tap", format: "vhd" },
    disk: "snapshot='external'",
    create: ["disk0.img"],
    revert: ["disk0.img"],
    delete: ["disk0.s1", "disk0.img"],
  },
};

/** Each is refused, dry or not, with nothing changed, and goes well when the reason is gone. */
describe("a command whose files cannot be changed", function () {
  this.timeout(patience(180_000));
  let guest: SweepGuest;
  before(ensureBuilt);
  afterEach(() => guest.remove());
  const at = (name: string) => join(guest.folder, name);

  async function refusesWhile(
    begin: readonly [string, ...string[]],
    end: readonly [string, ...string[]],
    reason: RegExp,
    command: readonly string[],
  ): Promise<void> {
    const before = await observe();
    const run = ([program, ...args]: readonly [string, ...string[]]) => {
      execFileSync(program, args);
    };
    run(begin);
    try {
      for (const more of [["--dry-run"], []]) {
        const { status, stderr } = guest.run([...command, ...more]);
        expect(stderr, [...begin, ...command, ...more].join(" ")).to.match(reason);
        expect(status).to.equal(1);
        expect(guest.hasJournal()).to.equal(false);
      }
    } finally {
      run(end);
    }
    expect(await observe(), [...begin, ...command].join(" ")).to.deep.equal(before);
  }

  /** The first command makes the folders for records, which stay. */
  async function observe() {
    const files = guest.listFiles().filter((name) => !name.startsWith("domains/snapshots"));
    return { ...(await guest.observe()), files };
  }

  const immutable = (path: string, command: readonly string[]) =>
    refusesWhile(
      ["chattr", "+i", path],
      ["chattr", "-i", path],
      /cannot (write to|replace or remove|make a file in) '.*': Operation not permitted/,
      command,
    );

  for (const [what, { kind, disk, ...verbs }] of Object.entries(CASES))
    it(`is refused before anything begins: ${what}`, async () => {
      guest = await SweepGuest.make([kind]);
      const commands = {
        create: ["snapshot-create", "guest", guest.document("s1", `<disk name='vda' ${disk}/>`)],
        revert: ["snapshot-revert", "guest", "s1"],
        delete: ["snapshot-delete", "guest", "s1"],
      };
      for (const verb of ["create", "revert", "delete"] as const) {
        const command = commands[verb];
        for (const name of verbs[verb]) await immutable(at(name), command);
        if (disk.includes("external")) await immutable(guest.folder, command);
        guest.must(...command);
        if (verb === "create") await guest.write(7);
        if (verb === "revert") {
          // What a revert leaves is another tree; the delete is of a fresh one.
          guest.remove();
          guest = await SweepGuest.make([kind]);
          guest.must(
            "snapshot-create",
            "guest",
            guest.document("s1", `<disk name='vda' ${disk}/>`),
          );
        }
      }
    });

  it("is refused where the definition could not follow", async () => {
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
    const create = guest.document("s1", "<disk name='vda' snapshot='external'/>");
    await immutable(join(guest.definitions, "guest.xml"), ["snapshot-create", "guest", create]);
    guest.must("snapshot-create", "guest", create);
    await immutable(join(guest.definitions, "guest.xml"), ["snapshot-delete", "guest", "s1"]);
  });

  it("is refused where an image is mounted that another file would replace", async () => {
    guest = await SweepGuest.make([{ driver: "phy", format: "raw" }]);
    guest.must(
      "snapshot-create",
      "guest",
      guest.document("s1", "<disk name='vda' snapshot='external'/>"),
    );
    await refusesWhile(
      ["mount", "--bind", at("disk0.img"), at("disk0.img")],
      ["umount", at("disk0.img")],
      /cannot replace or remove '.*disk0\.img': it is a mount point/,
      ["snapshot-revert", "guest", "s1"],
    );
  });
});
