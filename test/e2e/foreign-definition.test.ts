import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { assertOwnDefinition } from "../../src/plugin-kit/definition-owner.js";
import { asDomsnapError } from "../../src/core/errors/index.js";
import { SweepGuest } from "../sweep/support/sweep-guest.js";

const GENERATED = `<!--
WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE
OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:
  virsh edit guest
or other application using the libvirt API.
-->
`;

describe("a definition that another program owns", function () {
  this.timeout(patience(300_000));
  let guest: SweepGuest;
  let path: string;

  before(async () => {
    ensureBuilt();
    guest = await SweepGuest.make([{ driver: "qemu", format: "qcow2" }]);
    guest.must("snapshot-create-as", "guest", "s1");
    path = join(guest.definitions, "guest.xml");
    writeFileSync(path, GENERATED + readFileSync(path, "utf8"));
  });
  after(() => guest.remove());

  it("is read", () => {
    expect(guest.must("list", "--all")).to.include("guest");
    expect(guest.must("snapshot-list", "guest")).to.include("s1");
    expect(guest.must("dumpxml", "guest")).to.include("<name>guest</name>");
    guest.must("check");
  });

  it("is not changed, and nothing of its domain is", () => {
    const before = contentsOf(guest.home);
    const definition = join(guest.home, "definition.xml");
    writeFileSync(definition, readFileSync(path));
    for (const command of [
      ["snapshot-create-as", "guest", "s2"],
      ["snapshot-create-as", "guest", "s2", "--dry-run"],
      ["snapshot-create-as", "guest", "s2", "--disk-only"],
      ["snapshot-revert", "guest", "s1"],
      ["snapshot-delete", "guest", "s1"],
      ["snapshot-delete", "guest", "s1", "--metadata"],
      ["snapshot-current", "guest", "s1"],
      ["undefine", "guest", "--snapshots-metadata"],
      ["define", definition],
    ]) {
      const { status, stderr } = guest.run(command);
      expect(status, command.join(" ")).to.equal(1);
      expect(stderr).to.include(`'${path}' belongs to libvirt`).and.include("qemu:///system");
      expect(stderr).to.include("If the file is a copy").and.include("definition-foreign");
    }
    const { [definition]: _mine, ...after } = contentsOf(guest.home);
    expect(after).to.deep.equal(before);
  });

  it("is the domain's own when the comment is gone", () => {
    writeFileSync(path, readFileSync(path, "utf8").slice(GENERATED.length));
    guest.must("snapshot-revert", "guest", "s1");
  });

  const OWNED = {
    "/etc/libvirt/qemu": "virsh -c qemu:///system",
    "/etc/libvirt/libxl": "domsnap -c xen:///system",
    "/run/libvirt/qemu": "virsh -c qemu:///system",
    "/home/someone/.config/libvirt/qemu": "virsh -c qemu:///session",
    "/etc/xen": "domsnap -c xen:///system",
  };
  for (const [folder, way] of Object.entries(OWNED))
    it(`is each in ${folder}, where '${way}' changes it`, () => {
      const refused = () => {
        assertOwnDefinition(folder, "guest.xml", "<domain/>");
      };
      try {
        refused();
      } catch (thrown) {
        const { code, hint } = asDomsnapError(thrown);
        expect(code).to.equal("definition-foreign");
        expect(hint).to.include(way).and.not.include("copy that");
        return;
      }
      expect.fail("it is not refused");
    });

  for (const folder of [
    "/srv/domains",
    "/var/lib/libvirt/images",
    "/etc/libvirtual",
    "/etc/xenial",
  ])
    it(`is none in ${folder}`, () => {
      assertOwnDefinition(folder, "guest.xml", "<!-- mine --><domain/>");
    });
});

/** By path; what a lock says of its last owner is nobody's content. */
function contentsOf(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true });
  return Object.fromEntries(
    files
      .filter((file) => file.isFile() && file.name !== "lock")
      .map(({ parentPath, name }) => join(parentPath, name))
      .map((file) => [file, readFileSync(file).toString("base64")]),
  );
}
