// Records what real clients and a real libvirtd say to one another, into fixtures/rpc: run it as root
// with the socket of a libvirtd that serves test:///default.
//
//   node --import tsx test/rpc/make-golden.ts /run/libvirt/libvirt-sock
import { execa } from "execa";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Recorder } from "./support/recorder.js";

const COMMANDS = [
  "list --all",
  "nodeinfo",
  "version",
  "hostname",
  "dominfo test",
  "domstate test --reason",
  "domblklist test",
  "snapshot-create-as test s1 --description first",
  "snapshot-create-as test s2",
  "snapshot-list test",
  "snapshot-list test --tree",
  "snapshot-list test --roots",
  "snapshot-list test --from s1 --descendants",
  "snapshot-info test s1",
  "snapshot-current test --name",
  "snapshot-dumpxml test s1",
  "snapshot-parent test s2",
  "snapshot-parent test s1",
  "snapshot-current test s1",
  "snapshot-revert test s1 --paused",
  "snapshot-delete test nothing",
  "snapshot-delete test s1 --children",
  "domjobinfo test",
  "suspend test",
  "resume test",
  "shutdown test",
  "start test",
  "destroy test",
  "undefine test --snapshots-metadata",
];

const PYTHON = `
import libvirt, sys, threading, time
libvirt.virEventRegisterDefaultImpl()
def loop():
    while True: libvirt.virEventRunDefaultImpl()
threading.Thread(target=loop, daemon=True).start()
c = libvirt.open(sys.argv[1])
seen = []
c.domainEventRegisterAny(None, 0, lambda conn, dom, event, detail, opaque: seen.append((event, detail)), None)
c.setKeepAlive(1, 3)
d = c.lookupByName("test")
s = d.snapshotCreateXML("<domainsnapshot><name>py</name></domainsnapshot>", 0)
d.snapshotListNames(0); d.snapshotNum(0); s.numChildren(0); s.listChildrenNames(0)
d.hasCurrentSnapshot(0); s.isCurrent(0); s.hasMetadata(0)
c.listDomainsID(); c.numOfDomains(); c.listDefinedDomains(); c.isSecure(); c.getFreeMemory()
d.revertToSnapshot(s, 0)
s.delete(0)
time.sleep(2.5)
assert seen, "no events"
c.close()
`;

const upstream = process.argv[2] ?? "/run/libvirt/libvirt-sock";
const folder = mkdtempSync(join(tmpdir(), "domsnap-golden-"));
try {
  await record("virsh", async (uri) => {
    await execa("virsh", ["-c", uri, COMMANDS.join("; ")], { reject: false, env: { LC_ALL: "C" } });
  });
  await record("python", async (uri) => {
    await execa("/usr/bin/python3", ["-c", PYTHON, uri]);
  });
} finally {
  rmSync(folder, { recursive: true });
}

async function record(client: string, run: (uri: string) => Promise<void>): Promise<void> {
  const socket = join(folder, client);
  const recorder = await Recorder.listen(socket, upstream);
  await run(`test+unix:///default?socket=${socket}`);
  await recorder.close();
  const lines = recorder.frames.map(({ from, hex }) => `${from} ${hex}\n`);
  const file = new URL(`../../fixtures/rpc/${client}.frames`, import.meta.url);
  writeFileSync(fileURLToPath(file), lines.join(""));
}
