import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const IMAGES = "/var/lib/xen/images";
const ANSWER_TIMEOUT_MS = 60_000;
const BOOT_TIMEOUT_MS = 90_000;
const POLL_MS = 200;

export interface LabDisk {
  readonly vdev: string;
  readonly format: "qcow2" | "raw";
  /** Words of the disk specification besides format, name, access and target. */
  readonly more?: string;
}

/** A small Linux guest of the lab, with a shell on its console. Runs in dom0. */
export class LabGuest {
  #questions = 0;

  constructor(
    readonly name: string,
    readonly uuid: string,
    readonly disks: readonly LabDisk[],
  ) {}

  get configuration(): string {
    return `/etc/xen/${this.name}.cfg`;
  }

  image(vdev: string): string {
    return `${IMAGES}/${this.name}-${vdev}.img`;
  }

  /** Makes its images and its file in /etc/xen. */
  define(): void {
    mkdirSync(IMAGES, { recursive: true });
    for (const { vdev, format } of this.disks)
      run("qemu-img", "create", "-q", "-f", format, this.image(vdev), "16M");
    const disks = this.disks.map(
      ({ vdev, format, more = "backendtype=qdisk" }) =>
        `  "format=${format},vdev=${vdev},access=rw,${more},target=${this.image(vdev)}",\n`,
    );
    writeFileSync(
      this.configuration,
      `name = "${this.name}"
uuid = "${this.uuid}"
type = "pv"
memory = 96
kernel = "/opt/guest/vmlinux"
ramdisk = "/opt/guest/initrd"
extra = "console=hvc0 loglevel=4 mitigations=off"
disk = [ # one a line
${disks.join("")}]
`,
    );
  }

  async boot(): Promise<void> {
    run("xl", "create", this.configuration);
    await this.answers(BOOT_TIMEOUT_MS);
  }

  get id(): number {
    return Number(run("xl", "domid", this.name));
  }

  /** Waits until the guest's shell answers. */
  async answers(timeoutMs = ANSWER_TIMEOUT_MS): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const answer = await this.sh("echo here", 5000).catch(() => "");
      if (answer === "here") return;
      if (performance.now() > deadlineMs) throw new Error(`guest '${this.name}' does not answer`);
    }
  }

  /** Runs a line in the guest and gives what it printed, without blanks around it. */
  async sh(line: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<string> {
    const mark = `${Date.now()}-${(this.#questions += 1)}`;
    const tty = openSync(run("xenstore-read", `/local/domain/${this.id}/console/tty`), "w");
    const from = this.#log().length;
    // The marks are parted in the question, in case the console sends it back.
    writeSync(tty, `\necho "<""<${mark}"; (${line}) </dev/null; echo ">"">${mark}"\n`);
    closeSync(tty);
    const deadlineMs = performance.now() + timeoutMs;
    while (performance.now() < deadlineMs) {
      const said = this.#log().slice(from);
      const answer = said.split(`<<${mark}`)[1]?.split(`>>${mark}`);
      if (answer?.[1] !== undefined) return (answer[0] ?? "").trim();
      await sleep(POLL_MS);
    }
    throw new Error(`guest '${this.name}' did not answer within ${timeoutMs} ms: ${line}`);
  }

  /** Writes a word into memory and onto every disk. */
  async write(word: string): Promise<void> {
    const devices = this.disks.map(({ vdev }) => `/dev/${vdev}`).join(" ");
    await this.sh(
      `echo ${word} >/ram/word; for disk in ${devices}; do` +
        ` echo ${word} | dd of=$disk bs=512 conv=sync,fsync 2>/dev/null; done`,
    );
  }

  /** The words in memory and on every disk, as the guest sees them. */
  async read(): Promise<string[]> {
    const reads = this.disks.map(({ vdev }) => `head -n 1 /dev/${vdev} | tr -d '\\0'`);
    const line = ["sync", "echo 3 >/proc/sys/vm/drop_caches", "cat /ram/word", ...reads].join("; ");
    return (await this.sh(line)).split(/\s+/);
  }

  /** Goes up every second, in memory only. */
  async counter(): Promise<number> {
    return Number(await this.sh("cat /ram/counter"));
  }

  remove(): void {
    try {
      run("xl", "destroy", this.name);
    } catch {
      // It was off.
    }
    rmSync(this.configuration, { force: true });
  }

  #log(): string {
    const path = `/var/log/xen/console/guest-${this.name}.log`;
    if (!statSync(path, { throwIfNoEntry: false })) return "";
    return readFileSync(path, "latin1").replace(/[\r\0]/g, "");
  }
}

/** Runs a program of dom0 and gives what it printed, without blanks around it. */
export function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}
