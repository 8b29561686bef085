import type { OperationProgress } from "../../core/ports/index.js";
import { formatMib } from "./amount.js";

/** Before that a rate is a guess. */
const SHORTEST_MS = 1000;
/** The rate is that of about the last while, so that it follows what the medium does now. */
const WINDOW_MS = 10_000;

interface Mark {
  readonly atMs: number;
  readonly bytesDone: number;
}

/** How fast a piece of work goes, and how long it will take. */
export class ProgressPace {
  #what = "";
  #marks: Mark[] = [];

  /** `, 12.3 MiB/s, 1 min 20 s left`; empty as long as it cannot be told. */
  describe(
    {
      index,
      kind,
      subject,
      bytesDone,
      bytesTotal,
    }: OperationProgress & { readonly index: number; readonly kind?: string },
    nowMs: number,
  ): string {
    const what = [index, kind, subject].join(" ");
    if (what !== this.#what) this.#marks = [];
    this.#what = what;
    this.#marks.push({ atMs: nowMs, bytesDone });
    // One mark older than the window stays, to measure from.
    while ((this.#marks[1]?.atMs ?? nowMs) <= nowMs - WINDOW_MS) this.#marks.shift();
    const [first] = this.#marks;
    if (!first || nowMs - first.atMs < SHORTEST_MS) return "";
    const bytesPerMs = (bytesDone - first.bytesDone) / (nowMs - first.atMs);
    if (bytesPerMs <= 0) return ", stalled";
    const rate = `, ${formatMib(bytesPerMs * 1000)}/s`;
    if (bytesTotal === undefined || bytesTotal < bytesDone) return rate;
    return `${rate}, ${formatDuration((bytesTotal - bytesDone) / bytesPerMs / 1000)} left`;
  }
}

function formatDuration(exactSeconds: number): string {
  const seconds = Math.ceil(exactSeconds);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
