import { execa } from "execa";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSnapshotService } from "../../../src/container.js";
import type { SnapshotService } from "../../../src/core/operations/snapshot-service.js";
import { startDaemon, type Daemon, type Limits } from "../../../src/daemon/index.js";

export interface BenchOptions {
  readonly uris?: readonly string[];
  readonly limits?: Partial<Limits>;
  /** Changes a service before it is served. */
  readonly around?: (service: SnapshotService) => SnapshotService;
}

/** A daemon in this process, on sockets in a folder of its own, and real clients for it. */
export class ServeBench {
  readonly #services: readonly SnapshotService[];
  #isStopped = false;

  private constructor(
    readonly folder: string,
    readonly daemon: Daemon,
    services: readonly SnapshotService[],
    readonly log: readonly string[],
  ) {
    this.#services = services;
  }

  static async start({ uris = ["test:///default"], limits, around }: BenchOptions = {}) {
    const folder = mkdtempSync(join(tmpdir(), "domsnap-serve-"));
    const opened = await Promise.all(uris.map((uri) => openSnapshotService(uri)));
    const services = opened.map((service) => around?.(service) ?? service);
    const log: string[] = [];
    const daemon = await startDaemon({
      services,
      socket: { path: join(folder, "sock"), mode: 0o600 },
      readOnlySocket: { path: join(folder, "sock-ro"), mode: 0o666 },
      ...(limits && { limits }),
      log: (message) => log.push(message),
    });
    return new ServeBench(folder, daemon, services, log);
  }

  get socket(): string {
    return join(this.folder, "sock");
  }

  /** What virsh is told to connect to. */
  uri(base = "test+unix:///default", socket = this.socket): string {
    return `${base}?socket=${socket}`;
  }

  async virsh(...args: readonly string[]) {
    return virsh(this.uri(), args);
  }

  /** Runs a script with `uri` set to the daemon's; fails when the script does. */
  async python(script: string): Promise<string> {
    const text = `import libvirt, sys\nlibvirt.registerErrorHandler(lambda *_: None, None)\nuri = sys.argv[1]\n${script}`;
    const { stdout } = await execa("/usr/bin/python3", ["-c", text, this.uri()]);
    return stdout;
  }

  /** Idempotent. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.daemon.stop();
    for (const service of this.#services) await service.close();
    rmSync(this.folder, { recursive: true });
  }
}

/**
 * What the real virsh says, errors where they happen: one file takes both streams, and virsh flushes
 * one before it writes to the other.
 */
export async function virsh(uri: string, args: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "virsh-output-"));
  const output = join(folder, "output");
  const descriptor = openSync(output, "w");
  try {
    const child = spawn("virsh", ["-c", uri, ...args], {
      stdio: ["ignore", descriptor, descriptor],
      env: { ...process.env, LC_ALL: "C" },
    });
    await once(child, "exit");
    return readFileSync(output, "utf8");
  } finally {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }
}
