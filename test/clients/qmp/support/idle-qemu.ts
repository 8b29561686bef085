import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A real QEMU without a guest: nothing runs in it, its monitor answers. */
export interface IdleQemu {
  readonly folder: string;
  readonly socket: string;
  readonly process: ChildProcess;
  stop(): Promise<void>;
}

/** Starts one with further arguments; throws with QEMU's complaint when it does not come up. */
export async function startIdleQemu(...args: readonly string[]): Promise<IdleQemu> {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-qmp-"));
  const socket = join(folder, "qmp");
  const machine = ["-nodefaults", "-display", "none", "-S"];
  const monitor = ["-qmp", `unix:${socket},server=on,wait=off`];
  const kind = args.includes("-machine") ? [] : ["-machine", "none"];
  const child = spawn("qemu-system-x86_64", [...kind, ...machine, ...monitor, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
  const exit = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  while (!(await greetsAt(socket))) {
    if (child.exitCode !== null) throw new Error(`QEMU did not start: ${complaint}`);
    await sleep(10);
  }
  const stop = async () => {
    child.kill("SIGKILL");
    await exit;
    rmSync(folder, { recursive: true, force: true });
  };
  return { folder, socket, process: child, stop };
}

/**
 * Waits for the greeting: a connection that is gone before QEMU has greeted it was seen to take the
 * next one with it.
 */
function greetsAt(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("data", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
