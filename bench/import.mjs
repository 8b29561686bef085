import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { NOBODY, QEMU_CONF } from "../scripts/embedded-libvirt.mjs";
import { domainXml, snapshotXml } from "./lib/documents.mjs";
import { CLI, withFolder } from "./lib/domain-folder.mjs";
import { toolVersion } from "./lib/machine.mjs";
import { compare, interleave, program } from "./lib/measure.mjs";

const COUNT = 2000;
const GUEST_UUID = "1d4a1f6e-0b3c-4c0e-9a52-5f1d8e0c7a12";
const GOAL = 1;

/** Importing a folder of libvirt's metadata, durably, beside libvirt's own loading of it. */
export async function benchImport({ rounds = 5 } = {}) {
  return withFolder(async (folder) => {
    // libvirt's user has to come through.
    chmodSync(folder, 0o711);
    const domain = asModernMachine(domainXml({ type: "qemu", name: "guest", uuid: GUEST_UUID }));
    const kinds = {
      "one definition in all": () => domain,
      // As after external snapshots: the disks are other files each time.
      "a definition of its own in each": (index) =>
        domain.replaceAll(/(server-vd.)\.qcow2/g, `$1.${nameOf(index)}`),
    };
    const contestants = {};
    const hasLibvirt = toolVersion("virsh") !== undefined;
    for (const [kind, definitionOf] of Object.entries(kinds)) {
      const place = join(folder, kind.replaceAll(" ", "-"));
      const source = writeSource(join(place, "source"), definitionOf);
      contestants[`domsnap: ${kind}`] = importer(join(place, "connection"), domain, source);
      if (hasLibvirt) contestants[`libvirt: ${kind}`] = loader(join(place, "root"), domain, source);
    }
    const times = await interleave(contestants, rounds);
    return {
      title: `import: ${COUNT.toLocaleString("en")} snapshots of a domain, whole processes`,
      rounds,
      peers: [toolVersion("virsh") ?? "libvirt is not installed"],
      rows: Object.keys(kinds).map((kind) =>
        compare(
          kind,
          times[`domsnap: ${kind}`],
          "libvirt loads them",
          times[`libvirt: ${kind}`],
          GOAL,
        ),
      ),
      notes: [
        "Both read the same folder of documents of 9.5 KB, laid out as libvirt writes them, page cache",
        "warm. domsnap also writes a record of each, flushed to the disk; libvirt only reads. libvirt",
        "makes its own description of every device; domsnap looks at the disks and keeps the text.",
        "libvirt: virsh with its QEMU driver embedded, from start to the first list; without snapshots",
        "that takes a few hundredths of a second.",
      ],
    };
  });
}

/** The same guest on a machine type that libvirt's QEMU driver takes. */
function asModernMachine(xml) {
  return xml
    .replace("<type arch='i686'>", "<type arch='x86_64' machine='q35'>")
    .replace("    <controller type='ide' index='0'/>\n", "")
    .replace("dev='hdc' bus='ide'", "dev='sda' bus='sata'")
    .replace("bus='1' target='0' unit='0'", "bus='0' target='0' unit='0'");
}

function writeSource(folder, definitionOf) {
  mkdirSync(folder, { recursive: true });
  for (let index = 0; index < COUNT; index++) {
    const parent = `  <parent>\n    <name>${nameOf(index - 1)}</name>\n  </parent>\n`;
    const text = snapshotXml({ name: nameOf(index), domain: definitionOf(index) })
      .replace(/ *<creationTime>/, index === 0 ? "$&" : `${parent}$&`)
      .replace("</domainsnapshot>", `  <active>${index === COUNT - 1 ? "1" : "0"}</active>\n$&`);
    writeFileSync(join(folder, `${nameOf(index)}.xml`), text);
  }
  return folder;
}

/**
 * Imports into a new connection each time; making it does not count. None is removed meanwhile:
 * ext4 is slow to create files where many have just been deleted.
 */
function importer(folder, domain, source) {
  let round = 0;
  return () => {
    const connection = join(folder, String(round++));
    mkdirSync(connection, { recursive: true });
    writeFileSync(join(connection, "guest.xml"), domain);
    const uri = pathToFileURL(connection).href;
    const began = performance.now();
    program(process.execPath, [CLI, "-c", uri, "import", source, "--metadata"])();
    return performance.now() - began;
  };
}

function loader(root, domain, source) {
  const own = process.getuid() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const options = { ...own, env: { ...process.env, HOME: root } };
  const uri = `qemu:///embed?root=${root}`;
  mkdirSync(join(root, "etc"), { recursive: true });
  writeFileSync(join(root, "etc", "qemu.conf"), QEMU_CONF);
  writeFileSync(join(root, "domain.xml"), domain);
  giveAway(root, own);
  program("virsh", ["-q", "-c", uri, "define", join(root, "domain.xml")], options)();
  cpSync(source, join(root, "lib", "qemu", "snapshot", "guest"), { recursive: true });
  giveAway(root, own);
  const args = ["-q", "-c", uri, "snapshot-list", "guest", "--name"];
  const { stdout } = spawnSync("virsh", args, { ...options, encoding: "utf8" });
  const loaded = stdout.split("\n").filter(Boolean).length;
  if (loaded !== COUNT) throw new Error(`libvirt loaded ${String(loaded)} of ${String(COUNT)}`);
  return program("virsh", args, options);
}

function giveAway(folder, { uid, gid }) {
  if (uid === undefined) return;
  chownSync(folder, uid, gid);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) giveAway(path, { uid, gid });
    else chownSync(path, uid, gid);
  }
}

function nameOf(index) {
  return `snapshot-${String(index).padStart(5, "0")}`;
}
