import { asDomsnapError, DomsnapError } from "../../core/errors/index.js";
import type { ImageFiles } from "../../formats/vhd/index.js";
import { findOpenFileUsers } from "./open-files.js";
import { isPaused, TapCtl, type Tapdisk } from "./tap-ctl.js";

/** How often an unpause is tried: a failed one leaves the guest's disk paused. */
const UNPAUSE_ATTEMPTS = 3;

/** Keeps others away from images while they are changed. */
export class ImageUsers {
  constructor(
    private readonly files: ImageFiles,
    private readonly tapCtl: TapCtl = new TapCtl(),
  ) {}

  /** Whether disks of a running guest can be worked on. */
  async canPause(): Promise<boolean> {
    return (await this.tapCtl.list()) !== undefined;
  }

  /** Whether a tapdisk serves one of the images, be it paused. */
  async areServed(paths: readonly string[]): Promise<boolean> {
    return (await this.#tapdisksOf(paths)).length > 0;
  }

  /** Throws `image-in-use` if anyone has one of the images open. */
  async assertUnused(paths: readonly string[]): Promise<void> {
    const [tapdisk] = await this.#tapdisksOf(paths);
    if (tapdisk) throw inUse(paths, `tapdisk ${tapdisk.pid}`, "Shut the guest down first.");
    this.#assertNobodyElse(paths, []);
  }

  /** Throws `image-in-use` if anyone but a tapdisk, which can be paused, has one open. */
  async assertOnlyTapdisks(paths: readonly string[]): Promise<void> {
    this.#assertNobodyElse(paths, await this.#tapdisksOf(paths));
  }

  /**
   * Runs `work` while nobody has the images open: all tapdisks that use one are paused before it
   * begins, and every one of them is resumed after it, whatever happens. So is one that an
   * interrupted call left paused. Throws `image-in-use` for any other user.
   */
  async whilePaused<Result>(
    paths: readonly string[],
    work: () => Promise<Result>,
  ): Promise<Result> {
    const tapdisks = await this.#tapdisksOf(paths);
    this.#assertNobodyElse(paths, tapdisks);
    let result: Result;
    try {
      for (const tapdisk of tapdisks) await this.tapCtl.pause(tapdisk);
      await this.#assertPaused(tapdisks);
      result = await work();
    } catch (error) {
      // All of them: a pause that failed may have stopped its guest all the same.
      const failures = await this.#resumeAll(tapdisks);
      throw failures.length > 0 ? stillPaused(failures, asDomsnapError(error)) : error;
    }
    const failures = await this.#resumeAll(tapdisks);
    if (failures.length > 0) throw stillPaused(failures);
    return result;
  }

  async #assertPaused(tapdisks: readonly Tapdisk[]): Promise<void> {
    if (tapdisks.length === 0) return;
    const now = (await this.tapCtl.list()) ?? [];
    const running = tapdisks.find(
      (tapdisk) => !now.some((one) => isSame(one, tapdisk) && isPaused(one)),
    );
    if (running)
      throw new DomsnapError(
        "tool-failed",
        `${nameOf(running)} said that it paused, and it did not`,
      );
  }

  /** Tries all of them and returns what went wrong, one sentence for each. */
  async #resumeAll(tapdisks: readonly Tapdisk[]): Promise<string[]> {
    const failures: string[] = [];
    for (const tapdisk of tapdisks) {
      const failure = await this.#resume(tapdisk);
      if (failure !== undefined) failures.push(failure);
    }
    return failures;
  }

  async #resume(tapdisk: Tapdisk): Promise<string | undefined> {
    let failure = "";
    for (let attempt = 0; attempt < UNPAUSE_ATTEMPTS; attempt++) {
      try {
        await this.tapCtl.unpause(tapdisk);
        return undefined;
      } catch (error) {
        failure = asDomsnapError(error).detail;
      }
      // Asking comes second: as long as it is paused, the guest waits.
      const now = await this.tapCtl.list().catch(() => undefined);
      if (now?.every((one) => !isSame(one, tapdisk) || !isPaused(one))) return undefined;
    }
    return `${nameOf(tapdisk)} could not be resumed: ${failure}`;
  }

  async #tapdisksOf(paths: readonly string[]): Promise<Tapdisk[]> {
    const wanted = new Set(await Promise.all(paths.map((path) => this.files.realPath(path))));
    const found: Tapdisk[] = [];
    for (const tapdisk of (await this.tapCtl.list()) ?? []) {
      const open = isPaused(tapdisk) ? [] : await this.tapCtl.images(tapdisk);
      const names = tapdisk.path === undefined ? open : [tapdisk.path, ...open];
      const real = await Promise.all(names.map((name) => this.files.realPath(name)));
      if (real.some((path) => wanted.has(path))) found.push(tapdisk);
    }
    return found;
  }

  #assertNobodyElse(paths: readonly string[], tapdisks: readonly Tapdisk[]): void {
    const known = new Set(tapdisks.map(({ pid }) => pid));
    const [other] = findOpenFileUsers(paths).filter(({ pid }) => !known.has(pid));
    if (!other) return;
    const hint = other.name.startsWith("tapdisk")
      ? `Install '${this.tapCtl.program}' (XenServer's blktap tools) or shut the guest down first.`
      : "Stop that program first.";
    throw inUse(paths, `${other.name} (process ${other.pid})`, hint);
  }
}

function inUse(paths: readonly string[], user: string, hint: string): DomsnapError {
  return new DomsnapError("image-in-use", `image '${paths[0] ?? ""}' is in use by ${user}`, {
    hint,
  });
}

function isSame(one: Tapdisk, other: Tapdisk): boolean {
  return one.pid === other.pid && one.minor === other.minor;
}

/** What went wrong, if anything did before, and the disks that are paused since. */
function stillPaused(failures: readonly string[], error?: DomsnapError): DomsnapError {
  const detail = [...(error ? [error.detail] : []), ...failures].join("; ");
  return new DomsnapError(error?.code ?? "tool-failed", detail, {
    cause: error,
    hint: "Run 'tap-ctl unpause' when the cause is removed: the guest waits and loses nothing.",
  });
}

function nameOf({ pid, minor }: Tapdisk): string {
  return `tapdisk ${pid} (minor ${minor})`;
}
