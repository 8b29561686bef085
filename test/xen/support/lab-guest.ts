import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { patience } from "../../../scripts/test-run/patience.cjs";

const IMAGES = "/var/lib/xen/images";
const ANSWER_TIMEOUT_MS = patience(60_000);
const BOOT_TIMEOUT_MS = patience(100_000);
const POLL_MS = 200;

/** Between two rounds of the writer: dom0 serves its disks, and is what the tests wait for. */
const WRITER_PAUSE_SECONDS = 0.1;
/** Where the words are on a disk, in sectors: away from the stamps of the writer. */
const WORD_SECTOR = 64;

const KERNEL = `kernel = "/opt/guest/vmlinux"
ramdisk = "/opt/guest/initrd"
extra = "console=hvc0 loglevel=4 mitigations=off"
`;
/** No kernel of an HVM guest boots in good time here: it only has its QEMU. */
const FIRMWARE_ONLY = `vga = "none"
vnc = 0
`;

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
    readonly type: "pv" | "pvh" | "hvm" = "pv",
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
type = "${this.type}"
memory = 96
cpu_weight = 32
${this.type === "hvm" ? FIRMWARE_ONLY : KERNEL}disk = [ # one a line
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
      const answer = await this.sh("echo here", 15_000).catch(() => "");
      if (answer === "here") return;
      if (performance.now() > deadlineMs) throw new Error(`guest '${this.name}' does not answer`);
    }
  }

  /** Runs a line in the guest and gives what it printed, without blanks around it. */
  async sh(line: string, timeoutMs = ANSWER_TIMEOUT_MS): Promise<string> {
    const mark = `${Date.now()}-${(this.#questions += 1)}`;
    const tty = openSync(this.#tty(), "w");
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
      `echo ${word} >/ram/word; for disk in ${devices}; do echo ${word} |` +
        ` dd of=$disk bs=512 seek=${WORD_SECTOR} conv=sync,fsync 2>/dev/null; done`,
    );
  }

  /** The words in memory and on every disk, as the guest sees them. */
  async read(memory = "cat /ram/word"): Promise<string[]> {
    const at = `bs=512 count=1 skip=${WORD_SECTOR} 2>/dev/null`;
    const reads = this.disks.map(({ vdev }) => `dd if=/dev/${vdev} ${at} | tr -d '\\0'`);
    const line = ["sync", "echo 3 >/proc/sys/vm/drop_caches", memory, ...reads].join("; ");
    return (await this.sh(line)).split(/\s+/);
  }

  /**
   * Starts a program in the guest that stamps all disks with a rising number, round by round, and
   * keeps the number in memory. Before every round it looks whether each disk holds the number in
   * memory: it notices memory and disks that are not of one instant, by one step, whichever is the
   * older. It starts no programs, as that is what takes time here. Nobody else has a disk open, so
   * that the kernel writes and forgets what it has of it at each close.
   */
  async startWriter(): Promise<void> {
    const devices = this.disks.map(({ vdev }) => `/dev/${vdev}`).join(" ");
    await this.sh(`cat >/ram/writer <<"END"
mkfifo /ram/nap; exec 4<>/ram/nap
n=0
for d in ${devices}; do echo 0 >$d; done
while :; do
  for d in ${devices}; do
    read -r now <$d
    [ "$now" = $n ] || echo "$d has $now for $n" >>/ram/incoherent
  done
  for d in ${devices}; do echo $((n + 1)) >$d; done
  n=$((n + 1))
  echo $n >/ram/stamp
  read -r -t ${WRITER_PAUSE_SECONDS} nothing <&4
done
END
setsid sh /ram/writer </dev/null >/dev/null 2>&1 &`);
    await this.stampAbove(1);
  }

  /** The last number that the writer has stamped all disks with. */
  async stamp(): Promise<number> {
    return Number((await this.sh("cat /ram/stamp 2>/dev/null")) || "0");
  }

  /** Waits until the writer has gone on. */
  async stampAbove(least: number): Promise<void> {
    const deadlineMs = performance.now() + BOOT_TIMEOUT_MS;
    while ((await this.stamp()) <= least)
      if (performance.now() > deadlineMs) throw new Error(`the writer stays at ${least}`);
  }

  /** What the writer has found wrong; empty for nothing. */
  incoherence(): Promise<string> {
    return this.sh("cat /ram/incoherent 2>/dev/null");
  }

  /**
   * Lets the guest reboot itself and waits until it is up again. `between` is called when the old
   * domain is gone and xl has not made the new one yet.
   */
  async reboot(between: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const before = this.#idOrNone();
    const tty = openSync(this.#tty(), "w");
    writeSync(tty, "\nreboot -f\n");
    closeSync(tty);
    await this.#until("goes away", () => this.#idOrNone() !== before);
    await between();
    await this.#until("comes back", () => this.#idOrNone() !== undefined);
    await this.answers(BOOT_TIMEOUT_MS);
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + BOOT_TIMEOUT_MS;
    while (!isSo()) {
      if (performance.now() > deadlineMs) throw new Error(`guest '${this.name}' never ${what}`);
      await sleep(POLL_MS);
    }
  }

  #idOrNone(): number | undefined {
    try {
      return this.id;
    } catch {
      return undefined;
    }
  }

  /** The images that libxl would open at the next reboot. */
  storedImages(): string[] {
    const [{ config }] = JSON.parse(run("xl", "list", "-l", this.name)) as [
      { config: { disks: { pdev_path: string }[] } },
    ];
    return config.disks.map(({ pdev_path: path }) => path);
  }

  /** The images that the file in /etc/xen names. */
  configuredImages(): string[] {
    const text = readFileSync(this.configuration, "utf8");
    return [...text.matchAll(/target=([^"]+)"/g)].map(([, path = ""]) => path);
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

  #tty(): string {
    return run("xenstore-read", `/local/domain/${this.id}/console/tty`);
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
