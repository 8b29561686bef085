// A machine that runs Xen and dom0, emulated by QEMU. Commands go in and their answers come out
// through a folder that both sides see (dom0-init.sh tells how).
import { spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { patience } from "../../../scripts/test-run/patience.cjs";

/** Has SVM with nested paging, which QEMU can emulate; with more, Linux crashes below Xen. */
const CPU = "qemu64,+npt,+ssse3,+sse4.1,+sse4.2,+popcnt";
const MACHINE_MIB = 2048;
const DOM0_MIB = 1024;
const BOOT_TIMEOUT_MS = 80_000;
const POWER_OFF_TIMEOUT_MS = 7_000;
const POLL_MS = 100;
/** What timeout(1) answers. */
const TIMED_OUT_STATUS = 124;

/** The machine whose files are in a folder. */
export class XenMachine {
  #commands = 0;

  constructor(folder) {
    this.folder = folder;
    this.control = join(folder, "control");
  }

  /**
   * Boots and waits until dom0 takes commands. `shares` are `{ folder, mount, still }`: folders of
   * this machine, where dom0 sees them, and whether nobody changes them meanwhile, so that dom0 may
   * keep what it has read. With `attached`, the machine ends with this process.
   */
  async boot(images, shares, { attached = true } = {}) {
    if (this.isRunning()) throw new Error(`a machine runs already from '${this.folder}'`);
    rmSync(this.folder, { recursive: true, force: true });
    mkdirSync(this.control, { recursive: true, mode: 0o700 });
    const disk = join(this.folder, "dom0.qcow2");
    const made = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", images.disk, disk];
    if (spawnSync("qemu-img", made, { stdio: "inherit" }).status !== 0)
      throw new Error("qemu-img could not make the disk of dom0");
    const mounts = shares.map(
      ({ mount, still }, index) => `share${index} ${still ? "loose" : "mmap"} ${mount}\n`,
    );
    writeFileSync(join(this.control, "shares"), mounts.join(""));
    const log = openSync(join(this.folder, "qemu.log"), "w", 0o600);
    // Attached, the kernel ends it with us, however we end.
    const leash = attached ? ["--pdeathsig", "KILL"] : [];
    const words = [...leash, "qemu-system-x86_64", ...this.#arguments(images, disk, shares)];
    const qemu = spawn("setpriv", words, {
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    if (qemu.pid === undefined) throw new Error("qemu-system-x86_64 could not be started");
    writeFileSync(join(this.folder, "pid"), `${qemu.pid}\n`);
    qemu.unref();
    // Before what others do at exit: they may remove the folder.
    if (attached) process.prependOnceListener("exit", () => this.kill());
    await this.#waitFor("ready", patience(BOOT_TIMEOUT_MS));
  }

  /** Whether the QEMU lives that was started from this folder. */
  isRunning() {
    const pid = this.#pid();
    if (pid === undefined) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(this.folder);
    } catch {
      return false;
    }
  }

  /**
   * Runs a line of bash in dom0 and gives its exit status; after `timeoutMs` it is ended and the
   * status is 124. `onStdout` and `onStderr` get what it writes, as it comes.
   */
  async run(line, { timeoutMs, cwd = "/root", env = {}, onStdout, onStderr }) {
    const name = `${process.pid}-${Date.now()}-${(this.#commands += 1)}`;
    const folder = join(this.control, name);
    const exports = Object.entries(env).map(([key, value]) => `export ${key}=${quote(value)}\n`);
    mkdirSync(folder);
    writeFileSync(
      join(folder, "command.new"),
      `${exports.join("")}cd ${quote(cwd)} || exit 125\n${line}\n`,
    );
    renameSync(join(folder, "command.new"), join(folder, "command"));
    const streams = [
      new Tail(join(folder, "stdout"), onStdout),
      new Tail(join(folder, "stderr"), onStderr),
    ];
    const status = await this.#statusOf(folder, timeoutMs, () => {
      for (const stream of streams) stream.pass();
    });
    for (const stream of streams) stream.close();
    if (status !== TIMED_OUT_STATUS) rmSync(folder, { recursive: true });
    return status;
  }

  /** Powers off, by force when dom0 does not do it in time. */
  async powerOff() {
    if (this.isRunning()) writeFileSync(join(this.control, "off"), "");
    const deadlineMs = performance.now() + patience(POWER_OFF_TIMEOUT_MS);
    while (this.isRunning() && performance.now() < deadlineMs) await sleep(POLL_MS);
    this.kill();
    rmSync(join(this.folder, "dom0.qcow2"), { force: true });
  }

  /** Ends QEMU at once. */
  kill() {
    if (this.isRunning()) process.kill(this.#pid(), "SIGKILL");
  }

  consoleLog() {
    return readFileSync(join(this.folder, "console.log"), "latin1");
  }

  #pid() {
    const path = join(this.folder, "pid");
    return existsSync(path) ? Number(readFileSync(path, "utf8")) : undefined;
  }

  #arguments({ xen, kernel, initrd }, disk, shares) {
    const share = (path, tag) => [
      "-virtfs",
      `local,path=${realpathSync(path)},mount_tag=${tag},security_model=none,multidevs=remap`,
    ];
    const dom0 = "console=hvc0 loglevel=4 mitigations=off audit=0";
    return [
      ...["-name", "xen-lab", "-machine", "pc", "-accel", "tcg,tb-size=512", "-cpu", CPU],
      ...["-m", `${MACHINE_MIB}`, "-display", "none", "-nodefaults", "-no-reboot"],
      ...["-serial", `file:${join(this.folder, "console.log")}`],
      ...["-drive", `file=${disk},if=virtio,format=qcow2,cache=unsafe,discard=unmap`],
      ...share(this.control, "control"),
      ...shares.flatMap(({ folder }, index) => share(folder, `share${index}`)),
      ...["-kernel", xen, "-append"],
      `console=com1 com1=115200 dom0_mem=${DOM0_MIB}M,max:${DOM0_MIB}M guest_loglvl=warning`,
      // QEMU's loader takes the modules of a multiboot kernel here, with commas between them.
      ...["-initrd", `${kernel} ${dom0},${initrd}`],
    ];
  }

  async #waitFor(name, timeoutMs) {
    const deadlineMs = performance.now() + timeoutMs;
    while (!existsSync(join(this.control, name))) {
      if (!this.isRunning()) throw new Error(`the machine stopped while booting:${this.#words()}`);
      if (performance.now() > deadlineMs) {
        this.kill();
        throw new Error(`dom0 did not answer within ${timeoutMs} ms:${this.#words()}`);
      }
      await sleep(POLL_MS);
    }
  }

  async #statusOf(folder, timeoutMs, pass) {
    const deadlineMs = performance.now() + timeoutMs;
    const path = join(folder, "status");
    for (;;) {
      const ended = existsSync(path);
      pass();
      if (ended) return Number(readFileSync(path, "utf8"));
      if (!this.isRunning()) throw new Error(`the machine stopped:${this.#words()}`);
      if (performance.now() > deadlineMs) {
        writeFileSync(join(folder, "kill"), "");
        return TIMED_OUT_STATUS;
      }
      await sleep(POLL_MS);
    }
  }

  #words() {
    const logs = ["qemu.log", "console.log"].map((name) => join(this.folder, name));
    const lines = logs
      .filter((path) => existsSync(path))
      .flatMap((path) => readFileSync(path, "latin1").trimEnd().split("\n").slice(-15));
    return `\n${lines.join("\n")}`;
  }
}

/** Passes on what is added to a file. */
class Tail {
  #buffer = Buffer.alloc(64 * 1024);
  #position = 0;
  #file;

  constructor(path, onData = () => undefined) {
    this.path = path;
    this.onData = onData;
  }

  pass() {
    if (this.#file === undefined && !existsSync(this.path)) return;
    this.#file ??= openSync(this.path, "r");
    for (;;) {
      const count = readSync(this.#file, this.#buffer, 0, this.#buffer.length, this.#position);
      if (count === 0) return;
      this.#position += count;
      this.onData(Buffer.from(this.#buffer.subarray(0, count)));
    }
  }

  close() {
    if (this.#file !== undefined) closeSync(this.#file);
  }
}

/** One word for bash, whatever is in it. */
export function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
