import { spawn, type ChildProcess, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import type { Writable } from "node:stream";

import { DomsnapError } from "../../core/errors/index.js";
import { heldLock } from "../../host/held-lock.js";
import { systemError } from "../../host/system-error.js";
import { GUARDIAN_PROGRAM } from "./guardian-program.js";
import type { LastWill } from "./last-will.js";

const PATIENCE_OF_LIVING_MS = 500;

/**
 * A process of its own that outlives us, by whatever we die, and carries out our last will then. It
 * inherits the domain's lock: until it is done nobody repairs, pauses or freezes the guest, so what
 * it lets go on is what we have stopped.
 */
export class Guardian {
  #will: LastWill = {};

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {}

  /** Ready when this returns: to be done while the guest runs. Throws `system-error`, `tool-failed`. */
  static async start(): Promise<Guardian> {
    const lock = heldLock();
    const child = spawn(process.execPath, ["-e", GUARDIAN_PROGRAM], {
      // An interrupt at the terminal goes past it.
      detached: true,
      env: { PATH: process.env["PATH"] ?? "", LC_ALL: "C" },
      stdio: ["pipe", "pipe", "ignore", ...(lock?.descriptors ?? [])],
    }) as ChildProcessWithoutNullStreams;
    // One that is gone is noticed when it is started, and by the next command on the domain.
    child.stdin.on("error", () => undefined);
    await Promise.race([once(child.stdout, "data"), earlyEnd(child)]);
    child.stdout.destroy();
    child.unref();
    const guardian = new Guardian(child);
    const leave = () => guardian.#leave();
    lock?.atRelease.add(leave);
    child.once("exit", () => lock?.atRelease.delete(leave));
    return guardian;
  }

  /** Whether it waits for our death. */
  get isWatching(): boolean {
    return this.child.stdin.writable && !this.#hasEnded;
  }

  /** As long as any program holds this open, the guardian takes us for alive. */
  get pipe(): Writable {
    return this.child.stdin;
  }

  /** What is to be done from now on; holds when this returns. */
  async bequeath(will: LastWill): Promise<void> {
    this.#will = will;
    await new Promise<void>((resolve) => {
      this.child.stdin.write(`${JSON.stringify(will)}\n`, () => {
        resolve();
      });
    });
  }

  /** Ends it without a deed. Repeatable. */
  async dismiss(): Promise<void> {
    await this.bequeath({});
    if (this.#hasEnded) return;
    const ended = this.#awaitEnd();
    this.child.kill("SIGKILL");
    await ended;
  }

  /** We live, but could not let the guest go on; nobody is to wait long for another who cannot. */
  async #leave(): Promise<void> {
    const ended = this.#awaitEnd();
    this.child.stdin.end(
      `${JSON.stringify({ ...this.#will, patienceMs: PATIENCE_OF_LIVING_MS })}\n`,
    );
    await ended;
  }

  async #awaitEnd(): Promise<void> {
    this.child.ref();
    await once(this.child, "exit");
  }

  get #hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}

async function earlyEnd(child: ChildProcess): Promise<never> {
  const [status] = (await once(child, "exit").catch((thrown: unknown) => {
    throw systemError(thrown, "cannot run node");
  })) as [number | null];
  throw new DomsnapError("tool-failed", `node: the guardian of the guest ended (${status})`);
}
