/** How long one round is that is compared with the ones before. */
const ROUND_MS = 10_000;
/** So many rounds without ever getting nearer to the end are no accident. */
const PATIENCE_ROUNDS = 3;

interface Mark {
  readonly atMs: number;
  readonly done: number;
  readonly total: number;
}

/**
 * Finds out that a merge will not end by itself: the guest writes into its overlay faster than that
 * is written down. Tells it once, with numbers.
 */
export class MergeConvergence {
  /** The round after which least was left so far. */
  #best: Mark | undefined;
  #endOfRoundMs = -Infinity;
  #roundsSinceBest = 0;
  #told = false;

  constructor(
    private readonly target: string,
    private readonly roundMs = ROUND_MS,
  ) {}

  /** A sentence for the user, when there is reason for one. Bytes, and a clock in milliseconds. */
  update(done: number, total: number, atMs: number): string | undefined {
    if (this.#told || atMs < this.#endOfRoundMs) return undefined;
    this.#endOfRoundMs = atMs + this.roundMs;
    const now = { atMs, done, total };
    if (!this.#best || left(now) < left(this.#best)) {
      this.#best = now;
      this.#roundsSinceBest = 0;
      return undefined;
    }
    if (++this.#roundsSinceBest < PATIENCE_ROUNDS) return undefined;
    this.#told = true;
    return this.#describe(this.#best, now);
  }

  #describe(first: Mark, now: Mark): string {
    const seconds = (now.atMs - first.atMs) / 1000;
    const rate = (bytes: number) => `${mib(bytes / seconds)} MiB/s`;
    return (
      `disk '${this.target}': the merge gets no nearer to its end: ${mib(left(first))} MiB were left ` +
      `${Math.round(seconds)} s ago, ${mib(left(now))} MiB are left now (the guest writes ` +
      `${rate(now.total - first.total)}, the merge ${rate(now.done - first.done)}). Let the guest ` +
      "write less, or press Ctrl-C: the guest goes on as it is, and the next command on the domain " +
      "goes on with the merge"
    );
  }
}

function left({ done, total }: Mark): number {
  return total - done;
}

function mib(bytes: number): string {
  return (bytes / (1024 * 1024)).toFixed(1);
}
