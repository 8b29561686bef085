import { expect } from "chai";
import { domsnapRules, testRules } from "../../src/core/model/index.js";
import { checkSnapshotXml, formatSnapshotXml, type SnapshotCheck } from "../../src/xml/check.js";

const domainXml = `<domain type='qemu'>
  <name>guest</name>
  <uuid>11111111-2222-3333-4444-555555555555</uuid>
  <memory unit='KiB'>65536</memory>
  <os>
    <type>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/img/vda.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <disk type='file' device='cdrom'>
      <target dev='hdc' bus='ide'/>
      <readonly/>
    </disk>
  </devices>
</domain>`;

function check(document: string, over: Partial<SnapshotCheck> = {}) {
  return checkSnapshotXml({
    document,
    domain: { xml: domainXml },
    nowSeconds: 1700000000n,
    ...over,
  });
}

/** The document up to the stored definition, and the last line. */
function head(xml: string): string {
  return xml.replace(/ {2}<domain [^]*<\/domain>\n/, "");
}

describe("checkSnapshotXml", () => {
  it("completes a new snapshot as libvirt would print it", () => {
    expect(head(check("<domainsnapshot/>").xml)).to.equal(`<domainsnapshot>
  <name>1700000000</name>
  <state>shutoff</state>
  <creationTime>1700000000</creationTime>
  <memory snapshot='no'/>
  <disks>
    <disk name='vda' snapshot='internal'/>
    <disk name='hdc' snapshot='no'/>
  </disks>
</domainsnapshot>
`);
  });

  it("generates files and parents for a running domain, disks only", () => {
    const checked = check("<domainsnapshot><name>s</name></domainsnapshot>", {
      domain: { xml: domainXml, state: "running" },
      flags: { diskOnly: true },
      current: "p",
    });
    expect(head(checked.xml)).to.equal(`<domainsnapshot>
  <name>s</name>
  <state>disk-snapshot</state>
  <parent>
    <name>p</name>
  </parent>
  <creationTime>1700000000</creationTime>
  <memory snapshot='no'/>
  <disks>
    <disk name='vda' snapshot='external' type='file'>
      <driver type='qcow2'/>
      <source file='/img/vda.s'/>
    </disk>
    <disk name='hdc' snapshot='no'/>
  </disks>
</domainsnapshot>
`);
  });

  it("accepts what it printed as a redefinition, and prints the same", () => {
    const { xml } = check("<domainsnapshot><name>s</name></domainsnapshot>");
    const again = check(xml, { flags: { redefine: true }, existing: [xml] });
    expect(again.xml).to.equal(xml);
    expect(formatSnapshotXml(xml)).to.equal(xml);
  });

  it("knows the snapshots that exist, as documents or parsed", () => {
    const first = check("<domainsnapshot><name>s</name></domainsnapshot>");
    for (const existing of [[first.xml], [first.snapshot]])
      expect(() => check("<domainsnapshot><name>s</name></domainsnapshot>", { existing })).to.throw(
        "operation failed: domain moment s already exists",
      );
    const loop = first.xml.replace("<state>", "<parent><name>s</name></parent>\n  <state>");
    expect(() => check(loop, { flags: { redefine: true } })).to.throw(
      "invalid argument: cannot set moment s as its own parent",
    );
  });

  it("reports in libvirt's order: flags, document, rules", () => {
    const broken = "<domainsnapshot><disks><disk/></disks></domainsnapshot>";
    expect(() => check(broken, { flags: { current: true } })).to.throw("is required by flag");
    expect(() => check(broken)).to.throw("missing name from disk snapshot element");
    expect(() =>
      check("<domainsnapshot><name>.x</name><disks><disk name='no'/></disks></domainsnapshot>"),
    ).to.throw("name can't start with '.'");
  });

  it("speaks for other drivers", () => {
    const dotted = "<domainsnapshot><name>.x</name></domainsnapshot>";
    expect(check(dotted, { rules: testRules }).snapshot.name).to.equal(".x");
    const mixed =
      "<domainsnapshot><disks><disk name='vda' snapshot='external'/></disks></domainsnapshot>";
    expect(() => check(mixed)).to.throw("must use snapshot mode 'internal'");
    expect(check(mixed, { rules: domsnapRules }).snapshot.disks[0]).to.deep.include({
      mode: "external",
      source: { path: "/img/vda.1700000000" },
    });
  });

  it("looks at files only if it is given eyes", () => {
    const document = "<domainsnapshot><name>s</name></domainsnapshot>";
    const flags = { diskOnly: true };
    expect(check(document, { flags }).snapshot.name).to.equal("s");
    expect(() => check(document, { flags, probe: () => ({ kind: "absent" }) })).to.throw(
      "source for disk 'vda' is not a regular file",
    );
  });
});
