import type { QmpEvent } from "./qmp-message.js";

/** Events in the order they came, kept until they are read. Ends when the monitor is closed. */
export class QmpEventStream implements AsyncIterableIterator<QmpEvent> {
  readonly #unread: QmpEvent[] = [];
  #waiting: ((result: IteratorResult<QmpEvent>) => void)[] = [];
  #ended = false;

  constructor(private readonly onReturn: (stream: QmpEventStream) => void) {}

  push(event: QmpEvent): void {
    const reader = this.#waiting.shift();
    if (reader) reader({ done: false, value: event });
    else this.#unread.push(event);
  }

  end(): void {
    this.#ended = true;
    for (const reader of this.#waiting) reader({ done: true, value: undefined });
    this.#waiting = [];
  }

  next(): Promise<IteratorResult<QmpEvent>> {
    const event = this.#unread.shift();
    if (event) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Stops collecting; called by `break` in a loop. */
  return(): Promise<IteratorResult<QmpEvent>> {
    this.onReturn(this);
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
