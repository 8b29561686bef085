import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { patience } from "../../../scripts/test-run/patience.cjs";
import { formatCommandLine } from "../../../src/plugins/toolstack-qemu/command-line.js";
import type { Guest } from "../../../src/plugins/toolstack-qemu/guest.js";
import { tinyGuestFiles, type TinyDisk } from "../../support/tiny-guest/tiny-guest.js";
import { pruneCache, touchCached } from "./prune-cache.js";

const cache = fileURLToPath(new URL("../../../.cache/booted-guests", import.meta.url));
const MEMORY = "memory";
const MIGRATION_MS = 60_000;
const POLL_MS = 20;

/**
 * Guests as they were just after their boot: their memory and their disks of the same instant. To
 * boot takes an emulated guest several seconds, to go on from there a part of one. They are kept in
 * a cache folder, by all that their machine is made of, as long as they are used now and then;
 * several processes may use it at once.
 */
export class BootedGuest {
  private constructor(private readonly folder: string) {}

  /** `boot` starts the guest as it is now; it is off afterwards. Not called for what is kept. */
  static async of(
    guest: Guest,
    disks: readonly TinyDisk[],
    boot: () => Promise<void>,
  ): Promise<BootedGuest> {
    const folder = join(cache, machineOf(guest));
    touchCached(folder);
    if (!existsSync(folder)) {
      await boot();
      await keep(guest, disks, folder);
      await guest.stop();
    }
    return new BootedGuest(folder);
  }

  /** Starts a guest of the same machine, which is off, with its disks and memory as they were. */
  async start(guest: Guest, disks: readonly TinyDisk[]): Promise<void> {
    for (const { path } of disks) copy(join(this.folder, basename(path)), path);
    await guest.start({ paused: false, memoryFile: join(this.folder, MEMORY) });
  }
}

async function keep(guest: Guest, disks: readonly TinyDisk[], folder: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  pruneCache(cache);
  const made = mkdtempSync(join(cache, "new-"));
  try {
    await saveMemory(guest, join(made, MEMORY));
    // QEMU has written all to the images when it has handed them over.
    for (const { path } of disks) copy(path, join(made, basename(path)));
    if (!existsSync(folder)) renameSync(made, folder);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function saveMemory(guest: Guest, path: string): Promise<void> {
  return guest.withMonitor(async (client) => {
    await client.execute("stop");
    await client.execute("migrate", { uri: `exec:cat >'${path}'` });
    const deadlineMs = performance.now() + patience(MIGRATION_MS);
    for (;;) {
      const { status } = (await client.execute("query-migrate")) as { readonly status?: string };
      if (status === "completed") return;
      if (status === "failed" || performance.now() > deadlineMs)
        throw new Error(`the memory of the booted guest could not be saved: ${status}`);
      await sleep(POLL_MS);
    }
  });
}

/** A digest of the machine: QEMU's arguments without the folder, and the programs themselves. */
function machineOf({ stored, run }: Guest): string {
  const { program, args } = formatCommandLine(stored, run);
  const home = dirname(dirname(run.path));
  const { kernel } = tinyGuestFiles();
  const initrds = [false, true].map((agent) => tinyGuestFiles({ agent }).initrd);
  const programs = [`/usr/bin/${program}`, kernel, ...initrds].map((path) => {
    const { size, mtimeMs } = statSync(path);
    return `${path} ${size} ${mtimeMs}`;
  });
  const words = [...args.map((arg) => arg.replaceAll(home, "")), ...programs];
  return createHash("sha256").update(words.join("\0")).digest("hex").slice(0, 16);
}

function copy(from: string, to: string): void {
  execFileSync("cp", ["--sparse=always", "--reflink=auto", "--", from, to]);
}
