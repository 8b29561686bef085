import { expect } from "chai";
import type { DomsnapError } from "../../src/core/errors/index.js";
import { parseSnapshot } from "../../src/xml/index.js";
import { askVirsh } from "./virsh.js";

const UUID = "6695eb01-f6a4-8304-79aa-97f2502e193f";
const snapshot = (content: string) => `<domainsnapshot>${content}</domainsnapshot>`;
const disks = (...list: string[]) => snapshot(`<disks>${list.join("")}</disks>`);
const file = (source: string) => disks(`<disk name='vda'>${source}</disk>`);
const network = (attributes: string, children = "<host name='h'/>") =>
  disks(`<disk name='vda' type='network'><source ${attributes}>${children}</source></disk>`);
const driver = (content: string) => file(`<driver ${content}<source file='/x'/>`);

/** Documents at the edges of the schema. Whether one is valid is not written here: virsh is asked. */
const CASES: readonly string[] = [
  snapshot(""),
  snapshot("\n <name> x </name>\n"),
  snapshot("text"),
  "<domainsnapshot a='1'/>",
  snapshot("<name/>"),
  snapshot("<name a='1'>x</name>"),
  snapshot("<name>x<b/></name>"),
  snapshot("<name>x</name><name>y</name>"),
  snapshot("<description>x</description><name>y</name>"),
  snapshot("<unknown/>"),
  snapshot("<creationTime>x</creationTime>"),
  ...["running", " running ", "pmsuspended", "nostate", "disk-snapshot", "shutoff", ""].map(
    (state) => snapshot(`<state>${state}</state>`),
  ),
  ...["0", "1", "2", " 1 ", ""].map((active) => snapshot(`<active>${active}</active>`)),
  snapshot("<parent><name>p</name></parent>"),
  snapshot("<parent/>"),
  snapshot("<parent><name>p</name><name>q</name></parent>"),
  snapshot("<parent><name>p</name><x/></parent>"),
  snapshot("<memory/>"),
  ...["no", "internal", "external"].map((mode) => snapshot(`<memory snapshot='${mode}'/>`)),
  snapshot("<memory snapshot='external' file='/m'/>"),
  snapshot("<memory file='/m'/>"),
  snapshot("<memory file='/'/>"),
  snapshot("<memory file='/m' x='1'/>"),
  snapshot("<memory snapshot='no'>x</memory>"),
  snapshot("<memory snapshot='no'> </memory>"),
  snapshot("<disks/>"),
  snapshot("<disks/><disks/>"),
  snapshot("<disks a='1'/>"),
  snapshot("<disks><other name='vda'/></disks>"),
  snapshot("<revertDisks/>"),
  ...["vda", "hdc1", "xvda", "ioemu:sda", "vd", "VDA", "sda-1", "/x", "/", "nvme0", ""].map(
    (name) => disks(`<disk name='${name}' snapshot='no'/>`),
  ),
  disks("<disk snapshot='no'/>"),
  ...["no", "internal", "manual", "external"].flatMap((mode) => [
    disks(`<disk name='vda' snapshot='${mode}'/>`),
    disks(`<disk name='vda' snapshot='${mode}' type='file'/>`),
    disks(`<disk name='vda' snapshot='${mode}'><driver type='qcow2'/></disk>`),
  ]),
  disks("<disk name='vda' snapshot='no' extra='1'/>"),
  disks("<disk name='vda' type='block'/>"),
  disks("<disk name='vda' type='block'><source dev='/x'/></disk>"),
  disks("<disk name='vda' type='block'><source file='/x'/></disk>"),
  disks("<disk name='vda' type='block'><source/></disk>"),
  disks("<disk name='vda' type='network'/>"),
  disks("<disk name='vda'><snapshotDeleteInProgress/></disk>"),
  file("<source file='/x'/>"),
  file("<source/>"),
  file("<source file='/x' index='1'/>"),
  file("<source file='/x' index='0'/>"),
  file("<source file='/x' fdgroup='g'/>"),
  file("<source file='/x'/><source file='/x'/>"),
  file("<source file='/x'/><driver type='qcow2'/>"),
  file("<source file='/x'><seclabel model='dac' relabel='no'/></source>"),
  file("<source file='/x'><seclabel relabel='yes'><label>x</label></seclabel></source>"),
  file("<source file='/x'><seclabel relabel='yes'/></source>"),
  file("<source file='/x'><seclabel labelskip='yes'/></source>"),
  file("<source file='/x'><seclabel/></source>"),
  file("<source file='/x'><slices><slice type='storage' offset='1' size='2'/></slices></source>"),
  file("<source file='/x'><slices/></source>"),
  file("<source file='/x'><encryption format='luks'/></source>"),
  file("<source file='/x'><encryption format='foo'/></source>"),
  file("<source file='/x'><encryption format='luks'/><seclabel relabel='no'/></source>"),
  file("<source file='/x'><reservations managed='yes'/></source>"),
  ...["qcow2", "qed", "vmdk", "cow", "qcow", "raw", "vhd", ""].map((format) =>
    driver(`type='${format}'/>`),
  ),
  driver("/>"),
  driver("name='qemu'/>"),
  driver("type='qcow2'><metadata_cache/></driver>"),
  driver(
    "type='qcow2'><metadata_cache><max_size unit='KiB'>1</max_size></metadata_cache></driver>",
  ),
  driver("type='qcow2'><metadata_cache><max_size unit='x'>1</max_size></metadata_cache></driver>"),
  driver("type='qcow2'><metadata_cache><max_size> 1 </max_size></metadata_cache></driver>"),
  driver("type='qcow2'><metadata_cache><max_size>x</max_size></metadata_cache></driver>"),
  network("protocol='nbd'"),
  network("protocol='nbd'", ""),
  network("protocol='nbd'", "<host name='h'/><host name='i'/>"),
  network("protocol='nbd' name='e' tls='yes' tlsHostname='t'"),
  network("protocol='nbd' tls='maybe'"),
  network("protocol='nbd' query='q'"),
  network("protocol='foo' name='x'"),
  network("name='x'"),
  network("protocol='nbd'", "<host transport='unix' socket='/s'/>"),
  network("protocol='nbd'", "<host transport='unix' socket='s'/>"),
  network("protocol='nbd'", "<host transport='unix' name='h'/>"),
  network("protocol='nbd'", "<host transport='rdma' name='h' port='1'/>"),
  network("protocol='nbd'", "<host name='h' port='x'/>"),
  network("protocol='nbd'", "<host name='h_h'/>"),
  network("protocol='nbd'", "<host name='::1'/>"),
  network("protocol='gluster' name='a/b'"),
  network("protocol='gluster' name='a/b'", ""),
  network("protocol='gluster' name='a/b'", "<host name='h'/><host name='i'/>"),
  network("protocol='rbd' name='a/b'", ""),
  network("protocol='rbd' name='a/b'", "<snapshot name='s'/><config file='/c'/>"),
  network("protocol='rbd' name='a/b'", "<config file='c'/>"),
  network(
    "protocol='rbd' name='a/b'",
    "<auth username='u'><secret type='ceph' usage='u'/></auth><host name='h'/>",
  ),
  network("protocol='rbd' name='a/b'", "<auth username='u'/>"),
  network("protocol='iscsi' name='a'", "<host name='h'/><initiator><iqn name='i'/></initiator>"),
  network("protocol='http' name='a' query='q'"),
  network("protocol='http' name='a'", "<host name='h'/><ssl verify='no'/>"),
  network(
    "protocol='https' name='a'",
    "<host name='h'/><ssl verify='no'/><cookies><cookie name='c'>v</cookie></cookies>" +
      "<readahead size='1'/><timeout seconds='2'/>",
  ),
  network("protocol='https' name='a'", "<host name='h'/><cookies/>"),
  network("protocol='ftp' name='a' query='q'"),
  network("protocol='ftps' name='a'", "<host name='h'/><ssl verify='yes'/>"),
  network("protocol='tftp' name='a'"),
  network("protocol='sheepdog' name='a'", "<host name='h'/><timeout seconds='0'/>"),
  network("protocol='ssh' name='a'"),
  network("protocol='vxhs' name='a' tls='no'"),
  network("protocol='nfs' name='/a'", "<host name='h'/><identity user='u' group='g'/>"),
  network("protocol='nfs' name='/a'"),
  disks(
    "<disk name='vda' type='network'><driver type='qcow2'/><source protocol='nbd'><host name='h'/>" +
      "</source></disk>",
  ),
  disks("<disk name='vda' type='nvme'/>"),
  disks("<disk name='vda' type='vhostuser'/>"),
  snapshot(`<domain><uuid>${UUID}</uuid></domain>`),
  snapshot(`<domain><uuid>${UUID.replaceAll("-", "")}</uuid></domain>`),
  snapshot("<domain><uuid>x</uuid></domain>"),
  snapshot("<domain/>"),
  snapshot(`<domain><uuid>${UUID}</uuid></domain><domain><uuid>${UUID}</uuid></domain>`),
  snapshot("<cookie/>"),
  snapshot("<cookie><cpu mode='x'>y</cpu><other/></cookie>"),
  snapshot("<cookie>x</cookie>"),
  snapshot("<cookie a='1'/>"),
];

function messageOf(text: string): string {
  try {
    parseSnapshot(text, { validate: true });
    return "";
  } catch (error) {
    return (error as DomsnapError).message;
  }
}
const isSchemaError = (message: string | undefined) =>
  message?.startsWith("XML document failed to validate against schema: Unable to validate doc") ??
  false;

describe("the schema", () => {
  it(`judges ${CASES.length} documents as virsh --validate does`, function () {
    // libvirt loads its schema anew for each of them.
    const commands = CASES.map((_, index) => `snapshot-create test @${index} --validate`);
    const answers = askVirsh(commands, CASES);
    const theirs = CASES.filter((_, index) => isSchemaError(answers[index]?.error));
    expect(theirs.length).to.be.within(40, CASES.length - 40);
    const ours = CASES.filter((text) => isSchemaError(messageOf(text)));
    expect(ours).to.deep.equal(theirs);
  });

  it("says what is wrong", () => {
    expect(messageOf(snapshot("<name>x</name><nmae>y</nmae>"))).to.equal(
      "XML document failed to validate against schema: Unable to validate doc against " +
        "domainsnapshot.rng\nDid not expect element nmae there",
    );
    expect(messageOf(disks("<disk name='vda' snapshot='no' type='file'/>"))).to.contain(
      "Invalid attribute type for element disk",
    );
  });

  it("is asked for", () => {
    expect(() => parseSnapshot(snapshot("<unknown/>"))).not.to.throw();
  });

  it("comes after the root's name and before all else", () => {
    expect(messageOf("<domain/>")).to.contain("expecting root element of 'domainsnapshot'");
    expect(isSchemaError(messageOf(snapshot("<memory snapshot='foo'/>")))).to.equal(true);
  });
});
