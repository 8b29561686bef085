/** Finds out whether a peer lives: it is pinged, and given up after too long without a frame of its. */
export class Keepalive {
  #timer: NodeJS.Timeout | undefined;
  #silent = 0;

  constructor(
    private readonly options: {
      readonly intervalMs: number;
      /** Intervals that may go by in silence; the peer is given up at the end of the next one. */
      readonly count: number;
      readonly ping: () => void;
      readonly giveUp: () => void;
    },
  ) {}

  /** Idempotent. */
  start(): void {
    const { intervalMs, count, ping, giveUp } = this.options;
    this.#timer ??= setInterval(() => {
      if (this.#silent >= count) giveUp();
      else ping();
      this.#silent++;
    }, intervalMs);
    this.#timer.unref();
  }

  /** The peer has sent something. */
  heard(): void {
    this.#silent = 0;
  }

  /** Idempotent. */
  stop(): void {
    clearInterval(this.#timer);
  }
}
