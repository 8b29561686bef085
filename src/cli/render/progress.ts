import type { ProgressEvent } from "../../core/execute/progress-event.js";
import type { OperationProgress } from "../../core/ports/index.js";
import { formatMib } from "./amount.js";
import { safeText } from "./display-text.js";
import { ProgressPace } from "./progress-pace.js";

/** Work shorter than this is over before a line about it could be read. */
const QUIET_MS = 1000;
/** How often the line changes at most. */
const INTERVAL_MS = 200;

export interface ProgressOptions {
  readonly write: (text: string) => void;
  readonly nowMs?: () => number;
}

/**
 * One line on a terminal's standard error that tells how far a long operation got; the line goes
 * away in the end. Only to be made for a terminal.
 */
export class ProgressLine {
  readonly #write: (text: string) => void;
  readonly #nowMs: () => number;
  readonly #startMs: number;
  readonly #pace = new ProgressPace();
  #drawnMs = 0;
  #drawn = false;

  constructor(options: ProgressOptions) {
    this.#write = options.write;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#startMs = this.#nowMs();
  }

  update(event: ProgressEvent): void {
    const nowMs = this.#nowMs();
    const text = describeProgress(event, this.#pace, nowMs);
    if (text === undefined || nowMs - this.#startMs < QUIET_MS) return;
    if (this.#drawn && nowMs - this.#drawnMs < INTERVAL_MS) return;
    this.#write(`\r\u001b[K${text}`);
    this.#drawn = true;
    this.#drawnMs = nowMs;
  }

  /** Takes the line off the terminal. Idempotent. */
  clear(): void {
    if (this.#drawn) this.#write("\r\u001b[K");
    this.#drawn = false;
  }
}

function describeProgress(
  event: ProgressEvent,
  pace: ProgressPace,
  nowMs: number,
): string | undefined {
  switch (event.type) {
    case "recovery-started":
      return safeText(`Recovering: interrupted ${event.verb} of '${event.snapshot}'`);
    case "operation-started":
      return stepText(event);
    case "operation-progress":
      return amountOf(event, pace, nowMs);
    case "export-progress":
      return amountOf({ ...event, kind: event.step }, pace, nowMs);
    case "undo-started":
      return `Undoing ${event.kind}`;
    case "recovery-finished":
    case "operation-finished":
    case "undo-finished":
    case "measured":
    case "warning":
      return undefined;
  }
}

function amountOf(
  event: OperationProgress & {
    readonly index: number;
    readonly total: number;
    readonly kind: string;
  },
  pace: ProgressPace,
  nowMs: number,
): string {
  const subject = event.subject === undefined ? "" : ` ${safeText(event.subject)}`;
  const amount = amountText(event.bytesDone, event.bytesTotal);
  return `${stepText(event)}${subject} ${amount}${pace.describe(event, nowMs)}`;
}

function stepText(event: { index: number; total: number; kind: string }): string {
  return `[${event.index + 1}/${event.total}] ${event.kind}`;
}

function amountText(bytesDone: number, bytesTotal: number | undefined): string {
  if (bytesTotal === undefined || bytesTotal === 0) return formatMib(bytesDone);
  const percent = Math.floor((100 * bytesDone) / bytesTotal);
  return `${percent}% (${formatMib(bytesDone)} of ${formatMib(bytesTotal)})`;
}
