import { expect } from "chai";
import { join } from "node:path";
import { writeFileSync } from "node:fs";

import type { DomsnapError } from "../../src/core/errors/index.js";
import { detailsOf, ImportLab, outcomes, UUID } from "./support/import-lab.js";

/** As libvirt's ESX driver dumps a snapshot: it knows no disks and no definition. */
const esx = (name: string, parent = "") => `<domainsnapshot>
  <name>${name}</name>
  <description>before the update</description>
  <state>running</state>
${parent}  <creationTime>1262304000</creationTime>
  <domain>
    <uuid>${UUID}</uuid>
  </domain>
</domainsnapshot>
`;

const below = (name: string) => `  <parent>\n    <name>${name}</name>\n  </parent>\n`;

const VDI = "/vms/vm1/Snapshots/{6a1c8d64-4a52-4a4b-9ea9-5c9a7a7c0e0b}.vdi";

/** As its VirtualBox driver does: differencing images above, what they stand on in the domain. */
const vbox = (name: string, parent = "", type = "vbox") => `<domainsnapshot>
  <name>${name}</name>
  <state>shutoff</state>
${parent}  <creationTime>1262304000</creationTime>
  <disks>
    <disk name='hda' type='file'>
      <source file='${VDI}'/>
    </disk>
  </disks>
  <domain type='${type}'>
    <name>vm1</name>
    <uuid>${UUID}</uuid>
    <memory unit='KiB'>524288</memory>
    <currentMemory unit='KiB'>524288</currentMemory>
    <vcpu placement='static'>1</vcpu>
    <os>
      <type arch='x86_64'>hvm</type>
    </os>
    <clock offset='utc'/>
    <on_poweroff>destroy</on_poweroff>
    <on_reboot>destroy</on_reboot>
    <on_crash>destroy</on_crash>
    <devices>
      <disk type='file' device='disk'>
        <source file='/vms/vm1/vm1.vdi'/>
        <target dev='hda' bus='ide'/>
      </disk>
      <disk type='file' device='cdrom'>
        <source file='/vms/tools.iso'/>
        <target dev='hdc' bus='ide'/>
        <readonly/>
      </disk>
    </devices>
  </domain>
</domainsnapshot>
`;

describe("snapshots of libvirt's other drivers", () => {
  let lab: ImportLab;
  beforeEach(() => {
    lab = new ImportLab();
  });
  afterEach(() => lab.remove());

  function stream(text: string): string {
    const path = join(lab.folder, "vm1.snapshots");
    writeFileSync(path, text);
    return path;
  }

  const codeOf = async (source: string) => {
    const error = await lab.import(source, { define: true }).catch((thrown: unknown) => thrown);
    return (error as DomsnapError).code;
  };

  async function expectMetadataOnly(): Promise<void> {
    expect(await lab.tree()).to.deep.equal({ one: undefined, two: "one" });
    const service = await lab.service();
    for (const name of ["one", "two"]) {
      const { domain, disks, memory } = await service.get(UUID, name);
      expect([domain, disks, memory?.file]).to.deep.equal([undefined, [], undefined]);
      const error = await service.revert(UUID, name, {}).catch((thrown: unknown) => thrown);
      expect(error, name).to.be.instanceOf(Error);
    }
  }

  it("ESX: are recorded, and told to have no definition", async () => {
    await lab.define();
    const source = stream(esx("two", below("one")) + esx("one"));
    const result = await lab.import(source);
    expect(outcomes(result)).to.deep.equal({ one: "adapted", two: "adapted" });
    expect(detailsOf(result, "two")).to.equal(
      "it holds no domain definition: no revert to it is possible",
    );
    await expectMetadataOnly();
    expect(outcomes(await lab.import(source))).to.deep.equal({
      one: "unchanged",
      two: "unchanged",
    });
  });

  for (const metadataOnly of [false, true])
    it(`VirtualBox: are recorded without disks, which are told${metadataOnly ? ", also unverified" : ""}`, async () => {
      await lab.define();
      const source = stream(vbox("one") + vbox("two", below("one")));
      const result = await lab.import(source, { metadataOnly });
      expect(outcomes(result)).to.deep.equal({ one: "adapted", two: "adapted" });
      expect(detailsOf(result, "one")).to.equal(
        "its guest is of type 'vbox', whose definition and disks are of no use here and are left " +
          `out: '${VDI}'; it holds no domain definition: no revert to it is possible`,
      );
      await expectMetadataOnly();
      expect(outcomes(await lab.import(source, { metadataOnly }))).to.deep.equal({
        one: "unchanged",
        two: "unchanged",
      });
    });

  it("VirtualBox: are not defined as a guest of ours", async () => {
    expect(await codeOf(stream(vbox("one")))).to.equal("config-unsupported");
    expect(await codeOf(stream(esx("one")))).to.equal("no-domain");
    expect(await (await lab.service()).listDomains()).to.deep.equal([]);
  });

  it("VirtualBox: of a driver that tells no type are skipped, and why", async () => {
    await lab.define();
    const source = stream(vbox("one", "", "none"));
    const result = await lab.import(source, { domain: UUID });
    expect(outcomes(result)).to.deep.equal({ [source]: "skipped" });
    expect(detailsOf(result, source)).to.contain("invalid domain type none");
  });

  it("in the hypervisor's own folders are skipped, and told where they can be had", async () => {
    await lab.define();
    const folder = lab.metadata({ "vm1.vbox": "<VirtualBox/>", "snapshot-one.xml": vbox("one") });
    const result = await lab.import(folder);
    const file = join(folder, "vm1.vbox");
    expect(outcomes(result)).to.deep.equal({ one: "adapted", [file]: "skipped" });
    expect(detailsOf(result, file)).to.contain("vbox:///session");
    const datastore = lab.metadata({ "vm1.vmsd": "", "vm1-000001.vmdk": "" }, "datastore");
    const other = await lab.import(datastore, { domain: UUID });
    expect(detailsOf(other, "vm1.vmsd")).to.contain("esx://HOST");
  });
});
