import { expect } from "chai";
import { execa } from "execa";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ServeBench, virsh } from "./support/bench.js";

const DEFINITION = `<domain type='xen'>
  <name>off</name>
  <uuid>6695eb01-f6a4-8304-79aa-97f2502e1930</uuid>
  <memory unit='KiB'>1024</memory>
  <os><type>xen</type></os>
</domain>
`;

describe("real clients of the daemon", () => {
  let bench: ServeBench;
  beforeEach(async () => {
    bench = await ServeBench.start();
  });
  afterEach(() => bench.stop());

  it("python: a tree of snapshots, by every function that there is", async () => {
    const output = await bench.python(`
c = libvirt.open(uri); d = c.lookupByName("test")
make = lambda name, flags=0: d.snapshotCreateXML("<domainsnapshot><name>%s</name></domainsnapshot>" % name, flags)
a = make("a"); b = make("b"); d.revertToSnapshot(a); e = make("e")
names = lambda snapshots: sorted(s.getName() for s in snapshots)
print(d.snapshotNum(), sorted(d.snapshotListNames()), names(d.listAllSnapshots()))
print(d.snapshotNum(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_ROOTS), names(d.listAllSnapshots(libvirt.VIR_DOMAIN_SNAPSHOT_LIST_LEAVES)))
print(a.numChildren(), sorted(a.listChildrenNames()), names(a.listAllChildren()))
print(d.hasCurrentSnapshot(), d.snapshotCurrent().getName(), e.isCurrent(), a.isCurrent(), a.hasMetadata())
print(e.getParent().getName(), d.snapshotLookupByName("b").getName(), a.getDomain().name())
print("<name>a</name>" in a.getXMLDesc(), d.state(), d.info()[:4])
a.delete(libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY); print(d.snapshotListNames())
a.delete(); print(d.snapshotNum(), d.hasCurrentSnapshot())
`);
    expect(output.split("\n")).to.deep.equal([
      "3 ['a', 'b', 'e'] ['a', 'b', 'e']",
      "1 ['b', 'e']",
      "2 ['b', 'e'] ['b', 'e']",
      "1 e 1 0 1",
      "a b test",
      "True [1, 4] [1, 8388608, 2097152, 2]",
      "['a']",
      "0 0",
    ]);
  });

  it("python: errors have libvirt's code, domain, level and texts", async () => {
    const output = await bench.python(`
c = libvirt.open(uri); d = c.lookupByName("test")
def tell(work):
    try: work(); print("no error")
    except libvirt.libvirtError as e: print(e.err[:7])
tell(lambda: d.snapshotLookupByName("x"))
tell(lambda: d.snapshotCurrent())
tell(lambda: d.snapshotCreateXML("<foo/>"))
tell(lambda: d.snapshotCreateXML("<domainsnapshot/>", 0x80100000 - (1 << 32)))
tell(lambda: d.migrateGetMaxSpeed())
tell(lambda: c.listAllSecrets())
tell(lambda: c.networkLookupByName("x"))
tell(lambda: d.abortJob())
tell(lambda: d.undefineFlags(1 << 20))
tell(lambda: c.lookupByID(99))
tell(lambda: libvirt.open(uri.replace("/default", "/elsewhere")))
`);
    const unsupported = "this function is not supported by the connection driver";
    const flags = (bits: string, name: string) =>
      `"unsupported flags (${bits}) in function ${name}"`.replaceAll('"', "'");
    expect(output.split("\n")).to.deep.equal([
      `(72, 35, "Domain snapshot not found: no domain snapshot with matching name 'x'", 2, 'Domain snapshot not found: %s', "no domain snapshot with matching name 'x'", None)`,
      "(72, 35, 'Domain snapshot not found: the domain does not have a current snapshot', 2, 'Domain snapshot not found: %s', 'the domain does not have a current snapshot', None)",
      `(27, 35, "XML error: expecting root element of 'domainsnapshot', not 'foo'", 2, 'XML error: %s', "expecting root element of 'domainsnapshot', not 'foo'", None)`,
      `(8, 35, ${flags("0x80100000", "testDomainSnapshotCreateXML")}, 2, '%s', ${flags("0x80100000", "testDomainSnapshotCreateXML")}, None)`,
      `(3, 20, '${unsupported}: virDomainMigrateGetMaxSpeed', 2, '${unsupported}: %s', 'virDomainMigrateGetMaxSpeed', None)`,
      `(3, 30, '${unsupported}: virConnectListAllSecrets', 2, '${unsupported}: %s', 'virConnectListAllSecrets', None)`,
      `(3, 19, '${unsupported}: virNetworkLookupByName', 2, '${unsupported}: %s', 'virNetworkLookupByName', None)`,
      "(55, 12, 'Requested operation is not valid: no job is active on the domain', 2, 'Requested operation is not valid: %s', 'no job is active on the domain', None)",
      `(8, 12, ${flags("0x100000", "testDomainUndefineFlags")}, 2, '%s', ${flags("0x100000", "testDomainUndefineFlags")}, None)`,
      "(42, 12, 'Domain not found: no domain with matching id 99', 2, 'Domain not found: %s', 'no domain with matching id 99', None)",
      "(5, 0, 'no connection driver available for test:///elsewhere', 2, 'no connection driver available for %s', 'test:///elsewhere', None)",
    ]);
  });

  it("python: events of a revert come in libvirt's order, pings are answered", async () => {
    const output = await bench.python(`
import threading, time
libvirt.virEventRegisterDefaultImpl()
def loop():
    while True: libvirt.virEventRunDefaultImpl()
threading.Thread(target=loop, daemon=True).start()
c = libvirt.open(uri); c.setKeepAlive(1, 2)
seen = []
for event in range(26): 
    if event != 0: c.domainEventRegisterAny(None, event, lambda *a: None, None)
c.domainEventRegisterAny(None, 0, lambda conn, dom, event, detail, opaque: seen.append((event, detail)), None)
jobs = []
d = c.lookupByName("test")
gone = c.domainEventRegisterAny(d, 21, lambda conn, dom, params, opaque: jobs.append((params["operation"], params["success"])), None)
s = d.snapshotCreateXML("<domainsnapshot><name>s</name></domainsnapshot>")
def wait(count):
    for _ in range(600):
        if len(seen) >= count: break
        time.sleep(0.05)
    print(seen); del seen[:]
d.revertToSnapshot(s); wait(2)
d.revertToSnapshot(s, libvirt.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED); wait(3)
d.destroy(); wait(1)
d.revertToSnapshot(s); wait(1)
d.suspend(); d.resume(); d.shutdown(); d.create(); wait(4)
c.domainEventDeregisterAny(gone)
s.delete()
print(jobs)
time.sleep(3.5)
print(c.isAlive(), d.isActive())
`);
    expect(output.split("\n")).to.deep.equal([
      "[(5, 6), (2, 3)]",
      "[(5, 6), (2, 3), (3, 5)]",
      "[(5, 1)]",
      "[(2, 3)]",
      "[(3, 0), (4, 0), (5, 0), (2, 0)]",
      "[(6, True), (7, True), (7, True), (7, True)]",
      "1 1",
    ]);
  });

  it("python: eight threads on one connection, each with snapshots of its own", async () => {
    const output = await bench.python(`
import threading
c = libvirt.open(uri); d = c.lookupByName("test")
failures = []
def work(n):
    try:
        for i in range(10):
            name = "t%d-%d" % (n, i)
            s = d.snapshotCreateXML("<domainsnapshot><name>%s</name></domainsnapshot>" % name)
            assert s.getName() == name and name in s.getXMLDesc()
    except Exception as e: failures.append(e)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
[t.start() for t in threads]; [t.join() for t in threads]
print(failures, d.snapshotNum())
`);
    expect(output).to.equal("[] 80");
  });

  it("virsh: sees what another client does, as it happens", async () => {
    const watcher = spawn("virsh", ["-c", bench.uri(), "event --all --loop"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    let seen = "";
    watcher.stdout.on("data", (chunk: Buffer) => (seen += chunk.toString()));
    const until = async (text: string) => {
      while (!seen.includes(text)) await once(watcher.stdout, "data");
    };
    // virsh says nothing when it is ready: an event that repeats tells.
    while (seen === "") {
      await bench.virsh("suspend test; resume test");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await bench.virsh("snapshot-create-as test s1; snapshot-revert test s1; destroy test");
    await until("Stopped Destroyed");
    expect(seen).to.include("'lifecycle' for domain 'test': Started Snapshot");
    expect(seen).to.include("'job-completed' for domain 'test'");
    watcher.kill();
    await once(watcher, "exit");
  });

  it("virsh: a read-only connection looks and changes nothing, by its wish or by its socket", async () => {
    await bench.virsh("snapshot-create-as", "test", "s1");
    const change = "snapshot-delete test s1; undefine test; suspend test; snapshot-revert test s1";
    const refusals = [
      "operation forbidden: read only access prevents virDomainSnapshotDelete",
      "operation forbidden: read only access prevents virDomainSuspend",
      "operation forbidden: read only access prevents virDomainRevertToSnapshot",
    ];
    for (const text of [
      await bench.virsh("-r", change),
      await virsh(bench.uri("test+unix:///default", `${bench.socket}-ro`), [change]),
    ])
      for (const refusal of refusals) expect(text).to.include(refusal);
    const secrets = await virsh(bench.uri("test+unix:///default", `${bench.socket}-ro`), [
      "dumpxml test --security-info; snapshot-list test --name; snapshot-dumpxml test s1",
    ]);
    expect(secrets).to.include("operation forbidden: virDomainGetXMLDesc with secure flag");
    expect(secrets).to.include("\ns1\n").and.to.include("<name>s1</name>");
  });

  it("virsh: makes a snapshot the current one, and edits one", async () => {
    const first = await bench.virsh(
      "snapshot-create-as test s1; snapshot-create-as test s2 before; snapshot-current test s1; snapshot-current test --name",
    );
    expect(first).to.include("Snapshot s1 set as current").and.to.include("\ns1\n");
    const { stdout } = await execa("virsh", ["-c", bench.uri(), "snapshot-edit", "test", "s2"], {
      env: { EDITOR: "sed -i s/before/after/" },
    });
    expect(stdout).to.include("Snapshot s2 edited.");
    expect(await bench.virsh("snapshot-dumpxml", "test", "s2")).to.include(
      "<description>after</description>",
    );
  });
});

describe("a daemon with several connections", () => {
  it("finds each by the URI that clients ask for, and the first without one", async () => {
    const folder = mkdtempSync(join(tmpdir(), "domsnap-serve-"));
    writeFileSync(join(folder, "off.xml"), DEFINITION);
    const bench = await ServeBench.start({ uris: ["test:///default", `file://${folder}`] });
    try {
      const uri = bench.uri(`file+unix://${folder}`);
      expect(await virsh(uri, ["list --all; snapshot-list off; start off"]))
        .to.match(/ - +off +shut off\n/)
        .and.to.include("this function is not supported by the connection driver: virDomainCreate");
      expect(await virsh(`remote+unix:///?socket=${bench.socket}`, ["list"])).to.include("running");
      expect(await virsh(bench.uri("xen+unix:///system"), ["list"])).to.include(
        "no connection driver available for xen:///system",
      );
    } finally {
      await bench.stop();
      rmSync(folder, { recursive: true });
    }
  });
});
