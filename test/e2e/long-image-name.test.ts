import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { join } from "node:path";

import { DomsnapError } from "../../src/core/errors/index.js";
import { GuestLab } from "./support/guest-lab.js";

/** As long as a file system allows, so that no suffix of a revert fits behind it. */
const LONG = `${"x".repeat(248)}.qcow2`;

describe("a revert to an image beside which no name for an overlay is possible", () => {
  let lab: GuestLab;

  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => {
    lab.remove();
  });

  it("says so at once, and has changed nothing", async () => {
    const image = join(lab.folder, LONG);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "1M"]);
    const service = await lab.service();
    await service.registry?.define(
      "<domain type='qemu'><name>long</name><uuid>aaaaaaaa-2222-3333-4444-555555555555</uuid>" +
        "<memory>65536</memory><os><type>hvm</type></os><devices><disk type='file' device='disk'>" +
        `<driver name='qemu' type='qcow2'/><source file='${image}'/><target dev='vda'/>` +
        "</disk></devices></domain>",
    );
    const overlay = join(lab.folder, "overlay");
    await service.create(
      "long",
      `<domainsnapshot><name>s</name><disks><disk name='vda' snapshot='external'><source file='${overlay}'/></disk></disks></domainsnapshot>`,
      { diskOnly: true },
    );
    const before = await service.get("long", "s");

    const error = await service.revert("long", "s", {}).catch((thrown: unknown) => thrown);

    expect(error).to.be.instanceOf(DomsnapError);
    expect(error).to.include({ code: "config-unsupported", effect: "none" });
    expect((error as DomsnapError).detail).to.equal(
      `cannot generate an overlay name beside '${image}': File name too long`,
    );
    expect(await service.get("long", "s")).to.deep.equal(before);
  });
});
