import type { DomainLock, LockHolder, LockOptions } from "../../core/ports/index.js";
import { TurnQueue } from "../../host/turn-queue.js";

const BUSY = "the snapshots of the domain are being changed by this process";

/** Queues the changes of a domain inside one process. */
export class MemoryLock implements DomainLock {
  readonly #queue = new TurnQueue();

  holder(domainUuid: string): Promise<LockHolder | undefined> {
    const busy = this.#queue.isBusy(domainUuid);
    return Promise.resolve(busy ? { description: "this process" } : undefined);
  }

  run<Result>(
    domainUuid: string,
    options: LockOptions,
    work: () => Promise<Result>,
  ): Promise<Result> {
    return this.#queue.run(domainUuid, options, BUSY, work);
  }
}
