import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Writable } from "node:stream";

import { DomsnapError } from "../core/errors/index.js";
import { heldLock } from "./held-lock.js";

/** How an outside program is run. */
export interface ToolOptions {
  /** Aborting ends the program (SIGTERM, then SIGKILL); the call throws `cancelled`. */
  readonly signal?: AbortSignal;
  /** The program is ended after this time and the call throws `tool-failed`. Default: never. */
  readonly timeoutMs?: number;
  /** Given the text of both streams as it comes, for progress. */
  readonly onOutput?: (text: string) => void;
  /** A program that writes more than this on one stream is ended. Default 16 MiB. */
  readonly maxOutputChars?: number;
  /**
   * The program works on images: it keeps the domain's lock until it ends, so that nobody repairs
   * what it still changes should we die.
   */
  readonly keepsLock?: boolean;
  /** An open file that the program gets as its descriptor 3. Not together with `keepsLock`. */
  readonly descriptor?: number;
  /** The end of a pipe, which is open as long as the program lives. */
  readonly keepsOpen?: Writable | undefined;
  /** Exit statuses that are an answer and no failure. Default: 0 only. */
  readonly answerStatuses?: readonly number[];
}

/** What an outside program gave back. */
export interface ToolOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitStatus: number;
}

const DEFAULT_MAX_OUTPUT_CHARS = 16 * 1024 * 1024;
/** How much of a program's complaint goes into an error message. */
const MAX_COMPLAINT_CHARS = 2000;

/** Debian's package of each program that domsnap runs. */
const PACKAGES: Readonly<Record<string, string>> = {
  cp: "coreutils",
  dd: "coreutils",
  flock: "util-linux",
  "qemu-img": "qemu-utils",
  "qemu-system-x86_64": "qemu-system-x86",
  setsid: "util-linux",
  virsh: "libvirt-clients",
  "xenstore-read": "xenstore-utils",
  "xenstore-ls": "xenstore-utils",
  "xenstore-write": "xenstore-utils",
  xl: "xen-utils-common",
};

/**
 * Runs an outside program to its end: an argument array, never a shell; messages in the C locale;
 * no standard input. Throws `tool-missing`, `tool-failed` with the program's own words, and
 * `cancelled`.
 */
export async function runTool(
  program: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolOutput> {
  if (options.signal?.aborted) throw cancelled(program);
  // Loaded on first use: most commands of the CLI run no program, and execa takes long to load.
  const { execa } = await import("execa");
  const own = options.descriptor === undefined ? [] : [options.descriptor];
  const descriptors = options.keepsLock ? (heldLock()?.descriptors ?? []) : own;
  // execa takes any descriptor; its types only know small ones.
  const files = descriptors.map((descriptor) => descriptor as 3);
  const inherited = options.keepsOpen ? [...files, options.keepsOpen] : files;
  const child = execa(program, args, {
    reject: false,
    env: { LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe", ...inherited],
    maxBuffer: options.maxOutputChars ?? DEFAULT_MAX_OUTPUT_CHARS,
    ...(options.signal && { cancelSignal: options.signal }),
    ...(options.timeoutMs !== undefined && { timeout: options.timeoutMs }),
  });
  const { onOutput } = options;
  if (onOutput) {
    child.stdout.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => onOutput(chunk.toString()));
  }
  const result = await child;
  const { stdout, stderr, exitCode: exitStatus } = result;
  if (exitStatus !== undefined && (options.answerStatuses ?? [0]).includes(exitStatus))
    return { stdout, stderr, exitStatus };
  if (result.isCanceled) throw cancelled(program);
  if (result.code === "ENOENT") throw toolMissing(program);
  throw toolFailed(program, complaintOf(program, result));
}

/** Whether a program is there, without starting it: a path, or a name that is looked for in PATH. */
export function isToolInstalled(program: string): boolean {
  if (program.includes("/")) return existsSync(program);
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}

/** The error for a program that is not installed. */
export function toolMissing(program: string): DomsnapError {
  const name = program.slice(program.lastIndexOf("/") + 1);
  const debianPackage = PACKAGES[name];
  return new DomsnapError(
    "tool-missing",
    `program '${program}' was not found`,
    debianPackage === undefined ? {} : { hint: `Install the package '${debianPackage}'.` },
  );
}

function toolFailed(program: string, complaint: string): DomsnapError {
  return new DomsnapError("tool-failed", `${program}: ${complaint}`);
}

function cancelled(program: string): DomsnapError {
  return new DomsnapError("cancelled", `${program} was stopped on request`);
}

interface FailedRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly timedOut: boolean;
  readonly isMaxBuffer: boolean;
  readonly originalMessage?: string | undefined;
}

/** The program's own words, without the name that it puts before them; else what ended it. */
function complaintOf(program: string, run: FailedRun): string {
  if (run.timedOut) return "did not finish in time and was stopped";
  if (run.isMaxBuffer) return "wrote more output than expected and was stopped";
  const words = run.stderr.trim().slice(0, MAX_COMPLAINT_CHARS);
  if (words !== "")
    return words.startsWith(`${program}: `) ? words.slice(program.length + 2) : words;
  if (run.signal !== undefined) return `ended by signal ${run.signal}`;
  // vhd-util complains there.
  const output = run.stdout.trim().slice(-MAX_COMPLAINT_CHARS);
  if (run.exitCode !== undefined && output !== "") return output;
  if (run.exitCode !== undefined) return `exit status ${run.exitCode}`;
  return run.originalMessage ?? "could not be started";
}
