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

  it("keeps images from being changed that it may need, unless it is given up by name", () => {
    for (const verb of ["snapshot-revert", "snapshot-delete"]) {
      const refused = guest.run([verb, "guest", "s1"]);
      expect(refused.status).to.equal(1);
      expect(refused.stderr).to.include("cannot tell whether").and.include(`'${path}'`);
      expect(refused.stderr).to.include(`--assume-lost '${path}'`);
      guest.must(verb, "guest", "s1", "--assume-lost", path);
    }
  });
});
