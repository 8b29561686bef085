import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import type { DomainLock } from "../core/ports/domain-guard.js";
import { expectError } from "./expect-error.js";
import { OTHER_UUID, SAMPLE_UUID } from "./samples.js";

/** A lock with a place of its own, made anew for each test. */
export interface LockUnderTest {
  readonly lock: DomainLock;
  readonly dispose?: () => Promise<void>;
}

const PATIENT = { timeoutMs: 10_000 };
const IMPATIENT = { timeoutMs: 0 };

/** What every `DomainLock` promises inside one process. To be called inside of mocha. */
export function describeDomainLock(name: string, open: () => Promise<LockUnderTest>): void {
  describe(`${name} keeps the contract of a domain lock`, () => {
    let subject: LockUnderTest;
    beforeEach(async () => {
      subject = await open();
    });
    afterEach(() => subject.dispose?.());

    it("returns what the work returns, and is free again", async () => {
      const run = (value: number) =>
        subject.lock.run(SAMPLE_UUID, IMPATIENT, () => Promise.resolve(value));
      expect(await run(1)).to.equal(1);
      expect(await run(2)).to.equal(2);
    });

    it("passes on a failure, and is free again", async () => {
      const failure = new Error("from the work");
      const failed = subject.lock.run(SAMPLE_UUID, IMPATIENT, () => Promise.reject(failure));
      expect(await failed.catch((thrown: unknown) => thrown)).to.equal(failure);
      await subject.lock.run(SAMPLE_UUID, IMPATIENT, () => Promise.resolve());
    });

    it("lets concurrent calls in one at a time, in their order", async () => {
      const log: string[] = [];
      const work = (id: number) => async () => {
        log.push(`in ${id}`);
        await sleep(1);
        log.push(`out ${id}`);
      };
      const ids = Array.from({ length: 20 }, (_, index) => index);
      await Promise.all(ids.map((id) => subject.lock.run(SAMPLE_UUID, PATIENT, work(id))));
      expect(log).to.deep.equal(ids.flatMap((id) => [`in ${id}`, `out ${id}`]));
    });

    it("does not make other domains wait", async () => {
      await subject.lock.run(SAMPLE_UUID, IMPATIENT, () =>
        subject.lock.run(OTHER_UUID, IMPATIENT, () => Promise.resolve()),
      );
    });

    it("gives up when the time is over, without having worked", async () => {
      let worked = false;
      const secondWork = () => {
        worked = true;
        return Promise.resolve();
      };
      await subject.lock.run(SAMPLE_UUID, IMPATIENT, async () => {
        await expectError(subject.lock.run(SAMPLE_UUID, { timeoutMs: 20 }, secondWork), "locked");
        await expectError(subject.lock.run(SAMPLE_UUID, IMPATIENT, secondWork), "locked");
      });
      expect(worked).to.equal(false);
    });

    it("gives up on abort, before and while waiting", async () => {
      const controller = new AbortController();
      const options = { ...PATIENT, signal: controller.signal };
      await subject.lock.run(SAMPLE_UUID, IMPATIENT, async () => {
        const waiting = subject.lock.run(SAMPLE_UUID, options, () => Promise.resolve());
        setTimeout(() => {
          controller.abort();
        }, 5);
        await expectError(waiting, "cancelled");
      });
      const late = subject.lock.run(SAMPLE_UUID, options, () => Promise.resolve());
      await expectError(late, "cancelled");
    });

    it("does not let those behind one who gave up overtake the owner", async () => {
      const log: string[] = [];
      const owner = subject.lock.run(SAMPLE_UUID, PATIENT, async () => {
        await sleep(60);
        log.push("owner");
      });
      const impatient = subject.lock.run(SAMPLE_UUID, { timeoutMs: 5 }, () => Promise.resolve());
      const patient = subject.lock.run(SAMPLE_UUID, PATIENT, () => {
        log.push("patient");
        return Promise.resolve();
      });
      await expectError(impatient, "locked");
      await Promise.all([owner, patient]);
      expect(log).to.deep.equal(["owner", "patient"]);
    });
  });
}
