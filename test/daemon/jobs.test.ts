import { expect } from "chai";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServeBench } from "./support/bench.js";

const SIZE_MIB = 1024;

describe("a long job of the daemon", () => {
  let folder: string;
  let bench: ServeBench;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-serve-"));
    writeFileSync(join(folder, "disk.raw"), Buffer.alloc(SIZE_MIB * 1024 * 1024, 0x5a));
    writeFileSync(join(folder, "guest.xml"), definition(join(folder, "disk.raw")));
    bench = await ServeBench.start({ uris: [`file://${folder}`] });
  });
  after(async () => {
    await bench.stop();
    rmSync(folder, { recursive: true });
  });

  it("tells how far it is, is aborted by another client, and leaves nothing", async () => {
    const before = readdirSync(folder);
    const output = await bench.python(`
import threading, time
base = "file+unix://${folder}?socket=${bench.socket}"
c = libvirt.open(base); d = c.lookupByName("guest")
other = libvirt.open(base).lookupByName("guest")
print(other.jobStats(), other.jobInfo()[0])
result = []
def create():
    try: d.snapshotCreateXML("""<domainsnapshot><name>s</name><disks><disk name='vda' snapshot='external'>
      <driver type='raw'/><source file='${join(folder, "copy.raw")}'/></disk></disks></domainsnapshot>""")
    except libvirt.libvirtError as e: result.append(e.get_error_code())
    else: result.append("done")
thread = threading.Thread(target=create); thread.start()
stats = {}
while not result and stats.get("data_processed", 0) == 0: stats = other.jobStats()
info = other.jobInfo()
other.abortJob()
thread.join()
print(stats["type"], stats["operation"], stats["data_total"] >> 20, stats["data_processed"] <= stats["data_total"])
print(info[0], info[3] >> 20)
print(result, other.snapshotNum())
last = other.jobStats(libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
print(last["type"], last["operation"], other.jobStats())
`);
    expect(output.split("\n")).to.deep.equal([
      "{'type': 0} 0",
      `1 6 ${SIZE_MIB} True`,
      `1 ${SIZE_MIB}`,
      "[78] 0",
      "5 6 {'type': 0}",
    ]);
    // The folder of the records is made by the first change.
    const made = readdirSync(folder).filter((name) => !before.includes(name));
    expect(made).to.deep.equal(["snapshots"]);
  });
});

function definition(image: string): string {
  return `<domain type='xen'>
  <name>guest</name>
  <uuid>6695eb01-f6a4-8304-79aa-97f2502e1931</uuid>
  <memory unit='KiB'>1024</memory>
  <os><type>xen</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='file' type='raw'/>
      <source file='${image}'/>
      <target dev='vda'/>
    </disk>
  </devices>
</domain>
`;
}
