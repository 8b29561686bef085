import type { DomainLock, LockOptions } from "../../core/ports/index.js";
import { TurnQueue } from "../lib/turn-queue.js";

const BUSY = "the snapshots of the domain are being changed by this process";

/** Queues the changes of a domain inside one process. */
export class MemoryLock implements DomainLock {
  readonly #queue = new TurnQueue();

  run<Result>(
    domainUuid: string,
    options: LockOptions,
    work: () => Promise<Result>,
  ): Promise<Result> {
    return this.#queue.run(domainUuid, options, BUSY, work);
  }
}
