import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { withQmp } from "../../clients/qmp/index.js";
import { hasEnded, signalProcess } from "../../host/end-process.js";
import { toolMissing } from "../../host/run-tool.js";
import { readStateFile } from "../../host/state-files.js";
import { errnoOf, systemError } from "../../host/system-error.js";
import type { GuestCommandLine } from "./command-line.js";
import { argumentsOf, identifyProcess, type ProcessIdentity } from "../../host/process-facts.js";
import type { RunFolder } from "./run-folder.js";

const PID_FILE_LIMIT_BYTES = 64;
const LOG_LIMIT_BYTES = 16 * 1024 * 1024;
const MAX_WORDS_CHARS = 2000;
const POLL_PAUSE_MS = 10;
const PID_FILE_LOCKED = "Cannot lock pid file";
/** QEMU writes its pid right after it has locked the file. */
const START_TIMEOUT_MS = 10_000;

/**
 * A QEMU that answers writes back its caches when it ends, which takes long on a slow medium. One that
 * does not is not waited for: it may be stopped, or hang for ever.
 */
const END_TIMEOUTS = { greetingMs: 1000, quitMs: 15_000, silenceMs: 2000, killMs: 15_000 };

/** How a QEMU is ended. */
export interface EndOptions {
  /** Never by SIGKILL. */
  readonly graceful?: boolean;
  readonly timeouts?: typeof END_TIMEOUTS;
}

/**
 * The QEMU of a guest; `undefined` when none lives. A pid file can outlive its QEMU (`kill -9`, a
 * power failure) and its number be given to somebody else, so the process has to name that very
 * pid file among its arguments.
 */
export function findGuestProcess(run: RunFolder): ProcessIdentity | undefined {
  const pid = Number(readStateFile(run.pidFile, PID_FILE_LIMIT_BYTES) ?? "");
  if (!Number.isSafeInteger(pid) || pid <= 0) return undefined;
  const found = identifyProcess(pid);
  return found && argumentsOf(pid).includes(run.pidFile) ? found : undefined;
}

/**
 * Runs a QEMU that turns itself into a daemon (`-daemonize`): it is ready when this returns, and
 * outlives us. `file3` is an open file that it gets as descriptor 3. One that somebody who was
 * killed had just started, and that was not known by its pid yet, is ended first. Throws
 * `tool-missing`, and `tool-failed` with QEMU's words.
 */
export async function launchGuest(
  run: RunFolder,
  commandLine: GuestCommandLine,
  file3?: number,
): Promise<void> {
  let complaint = await daemonize(run, commandLine, file3);
  if (complaint?.includes(PID_FILE_LOCKED)) {
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    while (!findGuestProcess(run) && performance.now() < deadlineMs) await sleep(POLL_PAUSE_MS);
    await endGuest(run);
    complaint = await daemonize(run, commandLine, file3);
  }
  if (complaint !== undefined) throw new DomsnapError("tool-failed", complaint);
}

/** Gives QEMU's words where it does not start. */
async function daemonize(
  run: RunFolder,
  { program, args }: GuestCommandLine,
  file3: number | undefined,
): Promise<string | undefined> {
  const files = file3 === undefined ? [] : [file3];
  const child = spawn(program, args, {
    cwd: run.path,
    stdio: ["ignore", "ignore", "pipe", ...files],
  });
  let complaint = "";
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(0, MAX_WORDS_CHARS);
  });
  try {
    const [status] = (await once(child, "close")) as [number | null];
    return status === 0 ? undefined : complaint.trim() || lastWords(run);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") throw toolMissing(program);
    throw systemError(thrown, `cannot run '${program}'`);
  }
}

/** What QEMU put into its log before it ended, without the times. */
export function lastWords(run: RunFolder): string {
  const log = readStateFile(run.log, LOG_LIMIT_BYTES)?.trim() ?? "";
  const words = log.slice(-MAX_WORDS_CHARS).replace(/^\S+Z (?=qemu-)/gm, "");
  return words || "QEMU ended at once";
}

/**
 * Ends the QEMU of a guest and waits until it is gone and has let go of its images: by `quit`, by
 * SIGTERM when it does not answer, by SIGKILL when all that does not help. Does nothing when none
 * lives. Throws `operation-failed` with libvirt's text when even that has no effect.
 */
export async function endGuest(
  run: RunFolder,
  { graceful = false, timeouts = END_TIMEOUTS }: EndOptions = {},
): Promise<void> {
  const guest = findGuestProcess(run);
  if (!guest) return;
  const answers = await quit(run, timeouts.greetingMs);
  if (!answers) signalProcess(guest, "SIGTERM");
  if (await hasEnded(guest, answers || graceful ? timeouts.quitMs : timeouts.silenceMs)) return;
  if (graceful)
    throw notEnded(guest, "SIGTERM", "Repeat without --graceful to end it whatever it does.");
  signalProcess(guest, "SIGKILL");
  if (await hasEnded(guest, timeouts.killMs)) return;
  const hint = "Look at its storage: it probably waits for one that does not answer.";
  throw notEnded(guest, "SIGKILL", hint);
}

function notEnded({ pid }: ProcessIdentity, name: NodeJS.Signals, hint: string): DomsnapError {
  const detail = `Failed to terminate process ${pid} with ${name}: Device or resource busy`;
  return new DomsnapError("operation-failed", detail, { hint });
}

async function quit(run: RunFolder, timeoutMs: number): Promise<boolean> {
  try {
    await withQmp(run.queryMonitor, { greetingTimeoutMs: timeoutMs }, (client) =>
      client.execute("quit", {}, { timeoutMs }),
    );
    return true;
  } catch {
    return false;
  }
}
