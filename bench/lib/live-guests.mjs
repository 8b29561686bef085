import { execFileSync, spawn } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { NOBODY } from "../../scripts/embedded-libvirt.mjs";
import { makeTinyGuest } from "../../scripts/make-tiny-guest.mjs";
import { CLI } from "./domain-folder.mjs";
import { millisecondsBetween, PlainQmp } from "./qmp.mjs";

const MEMORY_MIB = 256;
/** Of memory: filled at first, and written again and again. */
const WORDS = "fill=64 rewrite=10";

const targets = (count) =>
  Array.from({ length: count }, (_, index) => `vd${"abcdefghijklmnop"[index]}`);

/** A guest that stamps its disks and writes to its memory. */
function guestXml(folder, disks, { commandLine = "" } = {}) {
  const { kernel, initrd } = makeTinyGuest();
  // Where whoever runs QEMU may read them.
  copyFileSync(kernel, join(folder, "kernel"));
  copyFileSync(initrd, join(folder, "initrd"));
  const disk = (target) => `    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='${join(folder, `${target}.qcow2`)}'/>
      <target dev='${target}' bus='virtio'/>
    </disk>`;
  return `<domain type='qemu'${commandLine && " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"}>
  <name>guest</name>
  <uuid>8a7b6c5d-0000-4000-8000-00000000d0c5</uuid>
  <memory unit='MiB'>${MEMORY_MIB}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${join(folder, "kernel")}</kernel>
    <initrd>${join(folder, "initrd")}</initrd>
    <cmdline>console=ttyS0 quiet ${WORDS}</cmdline>
  </os>
  <devices>
${targets(disks).map(disk).join("\n")}
${commandLine && `    <serial type='file'>\n      <source path='${join(folder, "console.log")}'/>\n    </serial>`}
  </devices>
${commandLine}</domain>
`;
}

function makeDisks(folder, disks) {
  mkdirSync(folder, { recursive: true });
  for (const target of targets(disks))
    execFileSync("qemu-img", [
      "create",
      "-q",
      "-f",
      "qcow2",
      join(folder, `${target}.qcow2`),
      "16M",
    ]);
}

async function waitForTicks(log) {
  for (const deadlineMs = performance.now() + 240_000; ; await sleep(100)) {
    if (/^tick 20\r?$/m.test(read(log))) return;
    if (performance.now() > deadlineMs) throw new Error(`the guest does not run: ${read(log)}`);
  }
}

function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** A guest of plain QEMU, started by domsnap; whose snapshots domsnap takes, or somebody by hand. */
class PlainGuest {
  snapshots = 0;

  constructor(folder, disks) {
    this.folder = folder;
    this.disks = disks;
    makeDisks(folder, disks);
    writeFileSync(join(folder, "guest.xml"), guestXml(folder, disks));
    this.run = join(folder, "run", "guest");
  }

  domsnap(...args) {
    const all = [CLI, "-c", `qemu+dir://${this.folder}`, ...args];
    return execFileSync(process.execPath, all, { encoding: "utf8" });
  }

  async start() {
    this.domsnap("start", "guest");
    await waitForTicks(join(this.run, "console.log"));
    this.rest();
  }

  /** While the other contestants are measured. */
  rest() {
    this.domsnap("suspend", "guest");
  }

  async wake() {
    this.domsnap("resume", "guest");
    await sleep(500);
  }

  close() {
    this.domsnap("destroy", "guest");
  }
}

export class DomsnapGuest extends PlainGuest {
  /** Pause and wall time of one snapshot with memory in files. */
  async snapshot() {
    const name = `s${String(++this.snapshots)}`;
    const memory = join(this.folder, `${name}.mem`);
    const began = performance.now();
    const json = this.domsnap("--json", "snapshot-create-as", "guest", name, "--memspec", memory);
    const wallMs = performance.now() - began;
    return { downtimeMs: JSON.parse(json).measures.downtimeMs, wallMs };
  }
}

export class ManualGuest extends PlainGuest {
  #tops = new Map(targets(this.disks).map((target) => [target, `${target}-qcow2`]));
  #files = new Map(
    targets(this.disks).map((target) => [target, join(this.folder, `${target}.qcow2`)]),
  );

  /** The same with nothing but the commands that it takes; what is slow is done before the pause. */
  async snapshot() {
    const name = `s${String(++this.snapshots)}`;
    const began = performance.now();
    const qmp = await PlainQmp.open(join(this.run, "monitor"));
    const actions = [];
    for (const target of targets(this.disks)) {
      const file = join(this.folder, `${target}.${name}`);
      const base = this.#files.get(target);
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", file]);
      const overlay = `${target}-${name}`;
      await qmp.execute("blockdev-add", {
        ...{ "node-name": overlay, driver: "qcow2", backing: null },
        file: { driver: "file", filename: file },
      });
      const data = { node: this.#tops.get(target), overlay };
      actions.push({ type: "blockdev-snapshot", data });
      this.#tops.set(target, overlay);
      this.#files.set(target, file);
    }
    const capability = (state) =>
      qmp.execute("migrate-set-capabilities", {
        capabilities: [{ capability: "background-snapshot", state }],
      });
    await capability(true);
    await qmp.execute("migrate-set-parameters", { "max-bandwidth": 2 ** 53 });
    const stopped = qmp.next("STOP");
    const resumed = qmp.next("RESUME");
    await qmp.execute("stop");
    await qmp.execute("transaction", { actions });
    const uri = `exec:cat > ${join(this.folder, `${name}.mem`)}`;
    await qmp.execute("migrate", { uri });
    const downtimeMs = millisecondsBetween(await stopped, await resumed);
    while ((await qmp.execute("query-migrate")).status !== "completed") await sleep(20);
    await capability(false);
    qmp.close();
    return { downtimeMs, wallMs: performance.now() - began };
  }
}

/** The same guest, run by libvirt in a virsh that stays; its snapshots are taken with --live. */
export class VirshGuest {
  snapshots = 0;
  #virsh;
  #output = "";

  constructor(folder, disks) {
    this.folder = folder;
    this.disks = disks;
    makeDisks(folder, disks);
    const root = join(folder, "root");
    mkdirSync(join(root, "etc"), { recursive: true });
    writeFileSync(
      join(root, "etc", "qemu.conf"),
      'security_driver = "none"\ncgroup_controllers = []\nnamespaces = []\nstdio_handler = "file"\n',
    );
    this.monitor = join(folder, "second");
    const args = ["-qmp", `unix:${this.monitor},server=on,wait=off`];
    const commandLine = `  <qemu:commandline>\n${args
      .map((value) => `    <qemu:arg value='${value}'/>`)
      .join("\n")}\n  </qemu:commandline>\n`;
    writeFileSync(join(folder, "guest.xml"), guestXml(folder, disks, { commandLine }));
    if (process.getuid?.() !== 0) return;
    execFileSync("chown", ["-R", `${NOBODY}:${NOBODY}`, folder]);
    chmodSync(dirname(folder), 0o711);
  }

  async start() {
    const uri = `qemu:///embed?root=${join(this.folder, "root")}`;
    const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    this.#virsh = spawn("virsh", ["-c", uri], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, HOME: this.folder, LC_ALL: "C" },
      cwd: this.folder,
      ...asNobody,
    });
    for (const stream of [this.#virsh.stdout, this.#virsh.stderr])
      stream.on("data", (chunk) => (this.#output += chunk.toString()));
    await this.#run(`define ${join(this.folder, "guest.xml")}`, "defined");
    await this.#run("start guest", "started");
    await waitForTicks(join(this.folder, "console.log"));
    await this.rest();
  }

  async rest() {
    await this.#run("suspend guest", "suspended");
  }

  async wake() {
    await this.#run("resume guest", "resumed");
    await sleep(500);
  }

  async snapshot() {
    const name = `s${String(++this.snapshots)}`;
    const qmp = await PlainQmp.open(this.monitor);
    const stopped = qmp.next("STOP");
    const resumed = qmp.next("RESUME");
    const began = performance.now();
    const memory = join(this.folder, `${name}.mem`);
    await this.#run(
      `snapshot-create-as guest ${name} --live --memspec ${memory},snapshot=external`,
      `${name} created`,
    );
    const wallMs = performance.now() - began;
    const downtimeMs = millisecondsBetween(await stopped, await resumed);
    qmp.close();
    return { downtimeMs, wallMs };
  }

  async close() {
    await this.#run("destroy guest", "destroyed");
    this.#virsh.stdin.end("quit\n");
  }

  async #run(command, success) {
    this.#output = "";
    this.#virsh.stdin.write(`${command}\n`);
    for (const deadlineMs = performance.now() + 120_000; ; await sleep(5)) {
      if (this.#output.includes(success)) return;
      if (this.#output.includes("error:") || performance.now() > deadlineMs)
        throw new Error(`virsh ${command}: ${this.#output}`);
    }
  }
}
