import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface VirshSession {
  readonly uri: string;
  /** Also the folder that relative names of documents start from. */
  readonly directory: string;
  /** Runs as this user and group instead of root. */
  readonly userId?: number;
}

const MARKER = "@@next@@";
/** Linux takes no longer argument. */
const MAX_SCRIPT_BYTES = 120_000;

/**
 * Runs commands in one virsh process and returns what each of them printed, errors included, in
 * the order of printing. Throws when virsh dies or is not there.
 */
export function runVirsh(session: VirshSession, commands: readonly string[]): string[] {
  const script = commands.map((command) => `${command}; echo ${MARKER}`).join("; ");
  if (Buffer.byteLength(script) > MAX_SCRIPT_BYTES) throw new Error("too many commands at once");
  const outputDirectory = mkdtempSync(join(tmpdir(), "virsh-output-"));
  const output = join(outputDirectory, "output");
  // One file for both streams keeps errors where they happened; virsh flushes before them.
  const descriptor = openSync(output, "w");
  try {
    const { error, signal } = spawnSync("virsh", ["-q", "-c", session.uri, script], {
      cwd: session.directory,
      stdio: ["ignore", descriptor, descriptor],
      env: { ...process.env, LC_ALL: "C", HOME: session.directory },
      ...(session.userId !== undefined && { uid: session.userId, gid: session.userId }),
    });
    if (error) throw error;
    const answers = readFileSync(output, "utf8").split(MARKER);
    if (signal !== null || answers.length !== commands.length + 1)
      throw new Error(
        `virsh stopped (${signal ?? "no signal"}) after ${answers.length - 1} of ${commands.length} commands, at: ${commands[answers.length - 1]}\n${answers.at(-1)}`,
      );
    return answers.slice(0, -1).map(withoutLog);
  } finally {
    closeSync(descriptor);
    rmSync(outputDirectory, { recursive: true });
  }
}

/** A word for virsh's own parser. */
export function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}

/** The library's message of a failed command; undefined for one that did what it should. */
export function errorIn(answer: string): string | undefined {
  const lines = answer.split("\n");
  const first = lines.findIndex((line) => line.startsWith("error: "));
  if (first < 0) return undefined;
  // virsh's own line comes first where it has one; the library's is the last.
  const last = lines.findLastIndex((line) => line.startsWith("error: "));
  return lines.slice(last).join("\n").slice("error: ".length).trimEnd();
}

/** Without the lines of libvirt's log, which a driver inside the process writes to stderr. */
function withoutLog(answer: string): string {
  return answer
    .split("\n")
    .filter((line) => !/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\+\d+: \d+: /.test(line))
    .join("\n");
}
