import { expect } from "chai";
import { DomsnapError } from "../../src/core/errors/index.js";
import type { ParseSnapshotOptions } from "../../src/core/ports/snapshot-documents.js";
import { parseSnapshot } from "../../src/xml/index.js";
import { askVirsh } from "./virsh.js";

function messageOf(text: string, options?: ParseSnapshotOptions): string | undefined {
  try {
    parseSnapshot(text, options);
    return undefined;
  } catch (error) {
    if (error instanceof DomsnapError) return error.message;
    throw error;
  }
}

const snapshot = (content: string) => `<domainsnapshot>${content}</domainsnapshot>`;
const withDisk = (disk: string) => snapshot(`<disks>${disk}</disks>`);
const withSource = (type: string, source: string) =>
  withDisk(`<disk name='vda' type='${type}'>${source}</disk>`);
const HEAD = "<name>n</name><state>running</state><creationTime>1</creationTime>";

const REFUSED_NEW: readonly string[] = [
  "",
  "<domain/>",
  ...["foo", "default", "", "manual"].map((mode) => snapshot(`<memory snapshot='${mode}'/>`)),
  snapshot("<memory snapshot='internal' file='/m'/>"),
  snapshot("<memory snapshot='no' file=''/>"),
  snapshot("<memory snapshot='external'/>"),
  snapshot("<memory file='m'/>"),
  snapshot("<memory file=''/>"),
  withDisk("<disk/>"),
  withDisk("<anything snapshot='no'/>"),
  withDisk("<anything name='vda' snapshot='foo'/>"),
  ...["default", "", "Internal"].map((mode) => withDisk(`<disk name='vda' snapshot='${mode}'/>`)),
  ...["none", "", "foo", "dir", "volume"].map((type) =>
    withDisk(`<disk name='vda' type='${type}'/>`),
  ),
  ...["none", "foo", "QCOW2", " raw"].map((format) =>
    withDisk(`<disk name='vda'><driver type='${format}'/></disk>`),
  ),
  withSource("file", "<source file='a'/>"),
  withSource("block", "<source dev='a'/>"),
  withSource("file", "<source file='/a'><encryption/></source>"),
  withSource("file", "<source file='/a'><reservations/></source>"),
  withSource("network", "<source/>"),
  withSource("network", "<source protocol='foo' name='x'/>"),
  withSource("network", "<source protocol='iscsi'/>"),
  withSource("network", "<source protocol='rbd' name='x'/>"),
  withSource("network", "<source protocol='gluster' name='/x/y'/>"),
  withSource("network", "<source protocol='nbd' tls='maybe'/>"),
  ...[
    "<host/>",
    "<host name='h' port='x'/>",
    "<host name='h' port='-1'/>",
    "<host name='h' port='99999'/>",
    "<host name='h' port='4294967296'/>",
    "<host name='h' socket='/s'/>",
    "<host name='h' transport='tcp' socket='/s'/>",
    "<host transport='foo'/>",
    "<host transport='unix'/>",
  ].map((host) => withSource("network", `<source protocol='nbd'>${host}</source>`)),
  withSource("nvme", "<source/>"),
  withSource("nvme", "<source type='foo'/>"),
  withSource("nvme", "<source type='pci'/>"),
  withSource("nvme", "<source type='pci' namespace='x'/>"),
  withSource("nvme", "<source type='pci' namespace='18446744073709551616'/>"),
  withSource("nvme", "<source type='pci' namespace='1'/>"),
  withSource("nvme", "<source type='pci' namespace='1' managed='maybe'><address/></source>"),
  ...["domain='x'", "bus='-1'", "bus='300'", "slot='040'", "slot='1' function='0x9'"].map((part) =>
    withSource("nvme", `<source type='pci' namespace='1'><address ${part}/></source>`),
  ),
  withSource("vhostuser", "<source/>"),
  withSource("vhostuser", "<source type='foo'/>"),
  withSource("vhostuser", "<source type='unix'/>"),
  withSource("vhostuser", "<source type='unix' path='/x'><reconnect enabled='x'/></source>"),
  withSource("file", "<source file='/x'><auth/></source>"),
  withSource("network", "<source protocol='https' name='x'><ssl verify='x'/></source>"),
  withSource("network", "<source protocol='http' name='x'><timeout seconds='x'/></source>"),
  ...["<max_size>x</max_size>", "<max_size unit='zz'>1</max_size>", "<max_size>-1</max_size>"].map(
    (size) =>
      withDisk(
        `<disk name='vda'><driver type='qcow2'><metadata_cache>${size}</metadata_cache></driver></disk>`,
      ),
  ),
  // Which of two mistakes is told first.
  snapshot("<memory snapshot='foo'/><disks><disk/></disks>"),
  withDisk("<disk snapshot='foo'/><disk name='vda' type='foo'/>"),
  withDisk("<disk name='vda' type='volume'><driver type='foo'/><source/></disk>"),
  withDisk("<disk name='vda' type='network'><driver type='foo'/><source/></disk>"),
  withDisk("<disk name='vda'><driver type='foo'/><source file='a'/></disk>"),
];

const REFUSED_REDEFINITIONS: readonly string[] = [
  "<domainsnapshot/>",
  snapshot("<name/>"),
  snapshot("<name>n</name>"),
  ...["x", "1x", "1 ", "9223372036854775808", "", "0x10", "1.5"].map((time) =>
    snapshot(`<name>n</name><creationTime>${time}</creationTime>`),
  ),
  snapshot("<name>n</name><creationTime> +1</creationTime>"),
  snapshot("<name>n</name><creationTime>-9223372036854775808</creationTime>"),
  ...["nostate", "foo", "Running", " running"].map((state) =>
    snapshot(`<name>n</name><creationTime>1</creationTime><state>${state}</state>`),
  ),
  snapshot(`${HEAD}<domain type='test'/>`),
  snapshot(`${HEAD}<domain type='test'><name>a</name><uuid>zz</uuid></domain>`),
  snapshot(`${HEAD}<inactiveDomain/>`),
  snapshot(`${HEAD.replace("running", "shutoff")}<memory snapshot='internal'/>`),
  snapshot(`${HEAD.replace("running", "shutoff")}<memory file='m'/>`),
  snapshot(`${HEAD.replace("running", "disk-snapshot")}<memory file='/m'/>`),
  snapshot(`${HEAD}<disks><disk/></disks>`),
];

describe("parseSnapshot", () => {
  it(`refuses ${REFUSED_NEW.length} requests with the words of virsh`, () => {
    const commands = REFUSED_NEW.map((_, index) => `snapshot-create test @${index}`);
    const theirs = askVirsh(commands, REFUSED_NEW).map(({ error }) => error);
    const ours = REFUSED_NEW.map((text) => messageOf(text));
    expect(ours).to.deep.equal(theirs);
  });

  it(`refuses ${REFUSED_REDEFINITIONS.length} redefinitions with the words of virsh`, () => {
    const commands = REFUSED_REDEFINITIONS.map(
      (_, index) => `snapshot-create test @${index} --redefine`,
    );
    const theirs = askVirsh(commands, REFUSED_REDEFINITIONS).map(({ error }) => error);
    const ours = REFUSED_REDEFINITIONS.map((text) => messageOf(text, { redefine: true }));
    expect(ours).to.deep.equal(theirs);
  });

  it("gives a new snapshot only what its document decides", () => {
    const parsed = parseSnapshot(
      snapshot(
        "<state>shutoff</state><creationTime>5</creationTime><parent><name>p</name></parent>" +
          "<domain><uuid>x</uuid></domain><revertDisks><disk/></revertDisks>",
      ),
    );
    expect(parsed).to.deep.equal({ creationTime: 0n, disks: [] });
  });

  it("keeps the blanks of a name, and joins the text of nested elements", () => {
    expect(parseSnapshot(snapshot("<name> x </name>")).name).to.equal(" x ");
    expect(parseSnapshot(snapshot("<name>a<b>c</b>d</name>")).name).to.equal("acd");
    expect(parseSnapshot(snapshot("<name/><name>x</name>")).name).to.equal(undefined);
  });

  it("takes the first of repeated elements, but the disks of all lists", () => {
    const parsed = parseSnapshot(
      snapshot(
        "<description>1</description><description>2</description><memory snapshot='no'/>" +
          "<memory snapshot='foo'/><disks><disk name='vda'/></disks><disks><x name='vdb'/></disks>",
      ),
    );
    expect(parsed.description).to.equal("1");
    expect(parsed.memory).to.deep.equal({ mode: "no" });
    expect(parsed.disks.map((disk) => disk.name)).to.deep.equal(["vda", "vdb"]);
  });

  it("takes a path or a format for the wish of an external disk", () => {
    const modes = [
      "<disk name='vda'/>",
      "<disk name='vda'><source file='/x'/></disk>",
      "<disk name='vda'><driver type='raw'/></disk>",
      "<disk name='vda' snapshot='no'><source file='/x'/></disk>",
      "<disk name='vda'><source file=''/></disk>",
      "<disk name='vda' type='block'><source file='/x'/></disk>",
      "<disk name='vda' type='network'><source protocol='nbd'/></disk>",
    ].map((disk) => parseSnapshot(withDisk(disk)).disks[0]?.mode);
    expect(modes).to.deep.equal([
      undefined,
      "external",
      "external",
      "no",
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("refuses memory when only disks are possible, but lets it be denied", () => {
    const refusal = "XML error: memory state cannot be saved with offline or disk-only snapshot";
    const offline = { offline: true };
    expect(messageOf(snapshot("<memory snapshot='internal'/>"), offline)).to.equal(refusal);
    expect(messageOf(snapshot("<memory file='m'/>"), offline)).to.equal(refusal);
    expect(messageOf(snapshot("<memory snapshot='no'/>"), offline)).to.equal(undefined);
    expect(messageOf(snapshot(""), offline)).to.equal(undefined);
  });

  it("knows from the state of a redefinition whether memory is possible", () => {
    const memoryOf = (state: string) =>
      parseSnapshot(snapshot(HEAD.replace("running", state)), { redefine: true, offline: true })
        .memory;
    expect(memoryOf("running")).to.deep.equal({ mode: "internal" });
    expect(memoryOf("crashed")).to.deep.equal({ mode: "internal" });
    expect(memoryOf("shutoff")).to.deep.equal({ mode: "no" });
    expect(memoryOf("disk-snapshot")).to.deep.equal({ mode: "no" });
  });

  it("marks unfinished merges in redefinitions only, and reads revertDisks there", () => {
    const disk = "<disk name='vda' snapshot='no'><snapshotDeleteInProgress/></disk>";
    const lists = `<disks>${disk}</disks><revertDisks>${disk}</revertDisks>`;
    const expected = { name: "vda", mode: "no", type: "file" };
    expect(parseSnapshot(snapshot(lists)).disks).to.deep.equal([expected]);
    const existing = parseSnapshot(snapshot(HEAD + lists), { redefine: true });
    expect(existing.disks).to.deep.equal([{ ...expected, deleteInProgress: true }]);
    expect(existing.revertDisks).to.deep.equal(existing.disks);
  });

  it("takes a domain that is only a uuid, and carries a cookie unless offline", () => {
    const uuid = "6695EB01f6a4-8304-79aa-97f2502e193f";
    const rest = `<domain><uuid>${uuid}</uuid></domain><cookie><cpu mode="x"><model>y</model></cpu></cookie>`;
    const running = parseSnapshot(snapshot(HEAD + rest), { redefine: true });
    expect(running.domain).to.equal(undefined);
    expect(running.domainUuid).to.equal("6695eb01-f6a4-8304-79aa-97f2502e193f");
    expect(running.cookie).to.equal(
      "<cookie>\n  <cpu mode='x'>\n    <model>y</model>\n  </cpu>\n</cookie>",
    );
    const off = snapshot(HEAD.replace("running", "shutoff") + rest);
    expect(parseSnapshot(off, { redefine: true }).cookie).to.equal(undefined);
  });

  it("reads vhostvdpa disks, which libvirt 9.8 brought", () => {
    const text = withSource("vhostvdpa", "<source dev='/dev/vhost-vdpa-0'/>");
    expect(parseSnapshot(text).disks[0]).to.deep.equal({
      name: "vda",
      type: "vhostvdpa",
      source: { xml: "<source dev='/dev/vhost-vdpa-0'/>" },
    });
    expect(messageOf(withSource("vhostvdpa", "<source/>"))).to.equal(
      "XML error: Missing required attribute 'dev' in element 'source'",
    );
  });
});
