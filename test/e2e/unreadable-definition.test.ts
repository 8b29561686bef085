import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

describe("a definition that cannot be read", function () {
  this.timeout(patience(300_000));
  let guest: SweepGuest;
  let path: string;

  before(async () => {
    ensureBuilt();
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
    guest.must("snapshot-create-as", "guest", "s1");
    path = join(guest.definitions, "broken.xml");
    writeFileSync(path, "<domain type='xen'><name>broken</name>");
  });
  after(() => guest.remove());

  it("is told of by list, which goes on to show the others", () => {
    const { status, stdout, stderr } = guest.run(["list", "--all"]);
    expect(status).to.equal(0);
    expect(stdout).to.include("guest").and.not.include("broken");
    expect(stderr).to.match(/warning: a domain is not listed: '.*broken\.xml': /);
    const { problems } = JSON.parse(guest.must("list", "--all", "--json")) as {
      problems: { definition: string }[];
    };
    expect(problems.map(({ definition }) => definition)).to.deep.equal([path]);
  });

  it("is a finding of check", () => {
    const { status, stdout } = guest.run(["check"]);
    expect(status).not.to.equal(0);
    expect(stdout).to.include("definition-unreadable").and.include(path);
  });

  it("is warned of before its domain's images may be changed, which it does not prevent", () => {
    for (const verb of ["snapshot-revert", "snapshot-delete"]) {
      const { status, stderr } = guest.run([verb, "guest", "s1"]);
      expect(status, stderr).to.equal(0);
      expect(stderr).to.include(`'${path}' cannot be read`).and.include("uses these images");
    }
  });
});
