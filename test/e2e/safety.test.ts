import { expect } from "chai";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { whileHeld } from "../support/images/holding-images.js";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const program = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));
const INTERNAL = "<disk name='vda' snapshot='internal'/>";
const OVERLAY = "<disk name='vda' snapshot='external'/>";
const PROCESSES = 50;

describe("safety rules", function () {
  this.timeout(patience(180_000));
  let guest: SweepGuest;

  before(ensureBuilt);
  beforeEach(async () => {
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
  });
  afterEach(() => guest.remove());

  const take = (name: string, disks: string) =>
    guest.run(["snapshot-create", "guest", guest.document(name, disks)]);

  for (const [title, disks, command] of [
    ["a delete of an internal snapshot", INTERNAL, "snapshot-delete"],
    ["a revert to an internal snapshot", INTERNAL, "snapshot-revert"],
    ["a merge of an overlay", OVERLAY, "snapshot-delete"],
  ] as const)
    it(`${title} of an image in use is refused, and nothing has changed`, async () => {
      expect(take("s1", disks).status).to.equal(0);
      await guest.write(5);
      const before = await guest.observe();
      const path = join(guest.folder, disks === OVERLAY ? "disk0.s1" : "disk0.img");
      await whileHeld({ path, format: "qcow2" }, () => {
        const { status, stderr } = guest.run([command, "guest", "s1"]);
        expect(status, stderr).to.equal(1);
        expect(stderr).to.match(/in use|lock/);
        expect(guest.hasJournal()).to.equal(false);
        return Promise.resolve();
      });
      expect(await guest.observe()).to.deep.equal(before);
      expect(guest.run([command, "guest", "s1"]).status).to.equal(0);
    });

  it("mixing internal snapshots and overlays of one disk warns, and refuses what would lose data", async () => {
    expect(take("inside", INTERNAL).status).to.equal(0);
    await guest.write(5);
    const mixed = take("above", OVERLAY);
    expect(mixed.stderr).to.contain("disk 'vda' has internal snapshots ('inside')");
    const before = await guest.observe();
    const revert = guest.run(["snapshot-revert", "guest", "inside"]);
    expect(revert).to.include({ status: 1 });
    expect(revert.stderr).to.contain("disk0.above");
    expect(await guest.observe()).to.deep.equal(before);
    expect(take("inside the overlay", INTERNAL).stderr).to.contain("has overlays of 'above'");
    const merge = guest.run(["snapshot-delete", "guest", "above"]);
    expect(merge).to.include({ status: 1 });
    expect(merge.stderr).to.contain("holds internal snapshots: 'inside the overlay'");
  });

  it(`${PROCESSES} processes at once on one domain each do their work or say why not`, async () => {
    const runs = Array.from({ length: PROCESSES }, async (_none, at) => {
      const kind = at % 2 === 0 ? INTERNAL : "<disk name='vda' snapshot='no'/>";
      const name = `s${at}`;
      const document = guest.document(name, kind);
      const args = [program, "-q", "-c", guest.uri, "snapshot-create", "guest", document];
      const child = spawn(process.execPath, [...args, "--lock-timeout", "100"], {
        stdio: ["ignore", "ignore", "pipe"],
      });
      let stderr = "";
      child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
      const [status] = (await once(child, "close")) as [number | null];
      return { name, status, stderr };
    });
    const ended = await Promise.all(runs);
    const made = ended.filter(({ status }) => status === 0).map(({ name }) => name);
    const service = await guest.service();
    const { heads } = await service.list("guest");
    expect(heads.map(({ name }) => name)).to.have.members(made);
    // A snapshot of no disk is refused, one of a disk never.
    expect(made.length).to.be.at.least(PROCESSES / 2);
    for (const { status, stderr } of ended) if (status !== 0) expect(stderr).to.contain("error: ");
    const [report] = await service.check("guest");
    expect(report?.findings).to.deep.equal([]);
    expect(await service.locks()).to.deep.equal([]);
  });
});
