import { expect } from "chai";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

describe("prune", function () {
  let guest: SweepGuest;

  before(async () => {
    ensureBuilt();
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
    const service = await guest.service();
    for (const [name, description] of [
      ["by hand", "before the upgrade"],
      ["n1", "label: nightly"],
      ["n2", "label: nightly"],
      ["both", "label: nightly\nlabel: monthly"],
      ["n3", "label: nightly"],
      ["n4", "taken by cron\nlabel: nightly"],
    ] as const) {
      await guest.write(name.length);
      const document = `<domainsnapshot><name>${name}</name><description>${description}</description><disks><disk name='vda' snapshot='external'/></disks></domainsnapshot>`;
      await service.create("guest", document, {});
    }
    guest.save();
  });
  beforeEach(() => guest.restore());
  after(() => guest.remove());

  const names = async () =>
    (await (await guest.service()).list("guest")).heads.map(({ name }) => name).sort();
  const all = ["both", "by hand", "n1", "n2", "n3", "n4"];

  it("lists first and changes nothing without a yes", async () => {
    const before = guest.listFiles();
    const listed = guest.run(["prune", "guest", "--label", "nightly", "--keep-last", "2"]);
    expect(listed).to.include({ status: 1 });
    expect(listed.stdout)
      .to.match(/n2 .*delete/)
      .and.to.contain("--yes");
    const dry = guest.run(["prune", "guest", "--keep-last", "2", "--dry-run", "--yes"]);
    expect(dry).to.include({ status: 0 });
    expect(guest.listFiles()).to.deep.equal(before);
    expect(await names()).to.deep.equal(all);
  });

  it("keeps exactly the newest, all without a label, and what another label keeps", async () => {
    const shown = (await guest.observe())["shows"];
    const args = ["prune", "guest", "--label", "nightly", "--keep-last", "2", "--yes"];
    const { status, stderr } = guest.run(args);
    expect(status, stderr).to.equal(0);
    const left = await names();
    expect(left).to.include.members(["by hand", "both"]);
    expect(left.filter((name) => name.startsWith("n"))).to.have.lengthOf(2);
    expect((await guest.observe())["shows"]).to.deep.equal(shown);
    const [report] = await (await guest.service()).check("guest");
    expect(report?.findings).to.deep.equal([]);
  });

  it("deletes nothing that was not listed when it was agreed to", async () => {
    const service = await guest.service();
    const request = { label: "nightly", policy: { last: 2 } };
    const listed = await service.prune("guest", request, { dryRun: true });
    // Meanwhile another one is taken, and now the rules would let one more go.
    const late =
      "<domainsnapshot><name>n5</name><description>label: nightly</description></domainsnapshot>";
    await service.create("guest", late, {});
    const { removed } = await service.prune("guest", { ...request, agreed: listed.removed });
    expect([...removed].sort()).to.deep.equal([...listed.removed].sort());
    expect(await names()).to.include.members(["n5"]);
    expect((await names()).filter((name) => name.startsWith("n"))).to.have.lengthOf(3);
  });

  it("refuses a policy that keeps nothing", async () => {
    for (const policy of [[], ["--keep-last", "0"], ["--keep-daily", "-1"]])
      expect(guest.run(["prune", "guest", "--yes", ...policy])).to.include({ status: 1 });
    expect(await names()).to.deep.equal(all);
  });
});
