import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { patience } from "../../../scripts/test-run/patience.cjs";
import type { ImageFormat } from "../../../src/core/model/index.js";
import { escapeText } from "../../../src/xml/index.js";

const script = fileURLToPath(new URL("../../../scripts/make-tiny-guest.mjs", import.meta.url));

const LONGEST_WAIT_MS = 60_000;

export interface TinyDisk {
  readonly path: string;
  readonly format: ImageFormat;
}

export interface TinyGuestOptions {
  readonly name?: string;
  readonly uuid?: string;
  /** They become vda, vdb, and so on. */
  readonly disks: readonly TinyDisk[];
  readonly memoryMib?: number;
  /** Further words for its kernel, see init.sh: `pause=0.2`. */
  readonly words?: string;
  /** Further elements below `<devices>`. */
  readonly devices?: string;
  /** Whether QEMU's guest agent runs in it, and has its channel. */
  readonly agent?: boolean;
}

interface GuestFiles {
  readonly kernel: string;
  readonly initrd: string;
}

const files = new Map<boolean, GuestFiles>();

/** The kernel and the initramfs, if need be with the agent; made by the first who asks. */
export function tinyGuestFiles({ agent = false } = {}): GuestFiles {
  let found = files.get(agent);
  if (!found) {
    const args = [script, ...(agent ? ["--agent"] : [])];
    const lines = execFileSync(process.execPath, args, { encoding: "utf8" }).split("\n");
    const [kernel = "", initrd = ""] = lines;
    files.set(agent, (found = { kernel, initrd }));
  }
  return found;
}

/** The channel that a guest agent is reached through. */
export const AGENT_CHANNEL = `    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
`;

/** The `<domain>` of a tiny guest. */
export function tinyGuestXml(options: TinyGuestOptions): string {
  const { agent = false, words = "" } = options;
  const { kernel, initrd } = tinyGuestFiles({ agent });
  const disks = options.disks.map(
    ({ path, format }, index) => `    <disk type='file' device='disk'>
      <driver name='qemu' type='${format}'/>
      <source file='${escapeText(path)}'/>
      <target dev='vd${"abcdefghijklmnop".charAt(index)}' bus='virtio'/>
    </disk>
`,
  );
  return `<domain type='qemu'>
  <name>${escapeText(options.name ?? "guest")}</name>
  <uuid>${options.uuid ?? "8a7b6c5d-0000-4000-8000-00000000d0c5"}</uuid>
  <memory unit='MiB'>${options.memoryMib ?? 96}</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${kernel}</kernel>
    <initrd>${initrd}</initrd>
    <cmdline>console=ttyS0 quiet ${words}${agent ? " agent=1" : ""}</cmdline>
  </os>
  <devices>
${disks.join("")}${agent ? AGENT_CHANNEL : ""}${options.devices ?? ""}  </devices>
</domain>
`;
}

/** What a tiny guest has written to its console. */
export class TinyConsole {
  constructor(private readonly path: string) {}

  get text(): string {
    return readFileSync(this.path, "utf8");
  }

  /** The last complete step; 0 before the first. */
  get ticks(): number {
    return Number([...this.text.matchAll(/^tick (\d+)\r?$/gm)].at(-1)?.[1] ?? 0);
  }

  /** The last complete write to the file system; 0 before the first. */
  get data(): number {
    return Number([...this.text.matchAll(/^data (\d+)\r?$/gm)].at(-1)?.[1] ?? 0);
  }

  /** Lines in which the guest complains of a disk that does not hold what memory says. */
  get torn(): readonly string[] {
    return [...this.text.matchAll(/^torn .*$/gm)].map(([line]) => line.trim());
  }

  /** The stamps that the disks had when the guest booted: `vda=5 vdb=5`. */
  get found(): string | undefined {
    return /^found (.*?)\r?$/m.exec(this.text)?.[1];
  }

  /** Waits until the guest has come that far. Throws with the console when it takes too long. */
  waitForTick(tick: number): Promise<void> {
    return this.#waitFor(`tick ${tick}`, () => this.ticks >= tick);
  }

  /** The same for the writes to its file system. */
  waitForData(write: number): Promise<void> {
    return this.#waitFor(`write ${write}`, () => this.data >= write);
  }

  async #waitFor(what: string, isThere: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + patience(LONGEST_WAIT_MS);
    while (!isThere()) {
      if (performance.now() > deadlineMs)
        throw new Error(`the guest did not reach ${what}; its console: ${this.text}`);
      await sleep(20);
    }
  }
}

/** The stamp that an image holds; trustworthy when the image is frozen or the guest is paused. */
export function readStamp({ path, format }: TinyDisk): number {
  const args = ["-U", "-r", "-f", format, "-c", "read -v 0 32", path];
  const dump = execFileSync("qemu-io", args, { encoding: "utf8" });
  const bytes = [...dump.matchAll(/^[\da-f]{8}: {2}((?:[\da-f]{2} )+)/gm)].map(([, hex]) => hex);
  const sector = Buffer.from(bytes.join("").replaceAll(" ", ""), "hex").toString();
  return Number(/^tick (\d+)\n/.exec(sector)?.[1]);
}
