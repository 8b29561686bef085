import { DomsnapError } from "../../core/errors/index.js";
import { tryParseJson } from "../../formats/json.js";
import { isToolInstalled, runTool } from "../../host/run-tool.js";

/** One disk that a tapdisk process serves, as `tap-ctl list` tells it. */
export interface Tapdisk {
  readonly pid: number;
  readonly minor: number;
  /** Bits; see `isPaused`. */
  readonly state: number;
  readonly type?: string;
  /** As it was opened: links are not resolved. */
  readonly path?: string;
}

export interface TapCtlOptions {
  readonly program?: string;
  /** The program's own limit is broken, so each call is timed from here. */
  readonly timeoutMs?: number;
}

const PAUSED = 0x20;
const DEFAULT_TIMEOUT_MS = 30_000;

/** Whether the tapdisk has closed its files and holds back its guest. */
export function isPaused({ state }: Tapdisk): boolean {
  return (state & PAUSED) !== 0;
}

/**
 * A client of `tap-ctl`, for the generation with kernel devices and for the one without. Every
 * call may throw `tool-failed` and, but for `list`, `tool-missing`.
 */
export class TapCtl {
  readonly program: string;
  readonly #timeoutMs: number;

  constructor({ program = "tap-ctl", timeoutMs = DEFAULT_TIMEOUT_MS }: TapCtlOptions = {}) {
    this.program = program;
    this.#timeoutMs = timeoutMs;
  }

  /** All disks of all tapdisks; `undefined` when the program is not installed. */
  async list(): Promise<Tapdisk[] | undefined> {
    // Most hosts do not have it, and finding that out by starting it takes as long as a snapshot.
    if (!isToolInstalled(this.program)) return undefined;
    const { stdout } = await this.#call(["list"]);
    return stdout.split("\n").flatMap((line) => parseLine(line) ?? []);
  }

  /** The files that a tapdisk has open for a disk, topmost first; none while it is paused. */
  async images({ pid, minor }: Tapdisk): Promise<string[]> {
    const { stdout } = await this.#call(["stats", ...addressOf(pid, minor)]);
    return imagesOfStats(stdout);
  }

  /** Waits for running requests and closes all files. Does nothing if it is paused already. */
  async pause({ pid, minor }: Tapdisk): Promise<void> {
    await this.#call(["pause", ...addressOf(pid, minor)]);
  }

  /** Opens the path again and lets the guest go on. */
  async unpause({ pid, minor }: Tapdisk): Promise<void> {
    await this.#call(["unpause", ...addressOf(pid, minor)]);
  }

  #call(args: readonly string[]) {
    return runTool(this.program, args, { timeoutMs: this.#timeoutMs });
  }
}

function addressOf(pid: number, minor: number): string[] {
  return ["-p", String(pid), "-m", String(minor)];
}

const NAMED_FIELDS =
  /^pid=(?<pid>\d+) +minor=(?<minor>\d+) +state=(?<state>0x[0-9a-f]+|\d+)(?: +args=(?<type>[^: ]*):(?<path>.*))?$/;
/** What a terminal gets, and old versions print always. */
const COLUMNS =
  /^ *(?<pid>\d+) +(?<minor>\d+) +(?<state>0x[0-9a-f]+|\d+) +(?<type>[a-z0-9]+)[ :]+(?<path>\/.*)$/;

/** A process without a disk, and a disk without a process, are nobody's user. */
function parseLine(line: string): Tapdisk | undefined {
  const fields = (NAMED_FIELDS.exec(line) ?? COLUMNS.exec(line))?.groups;
  if (!fields) return undefined;
  const { pid, minor, state, type, path } = fields;
  return {
    pid: Number(pid),
    minor: Number(minor),
    state: Number(state),
    ...(type !== undefined && path !== undefined && { type, path }),
  };
}

function imagesOfStats(json: string): string[] {
  if (json.trim() === "") return [];
  const document = tryParseJson(json);
  const images: unknown = (document as { images?: unknown } | undefined)?.images;
  if (!Array.isArray(images))
    throw new DomsnapError("tool-failed", "tap-ctl: 'stats' answered what cannot be understood");
  return images.flatMap((image: unknown) => {
    const name: unknown = (image as { name?: unknown } | undefined)?.name;
    return typeof name === "string" ? [name] : [];
  });
}
