import { expect } from "chai";

import { asDomsnapError, DomsnapError } from "../../../src/core/errors/index.js";
import type { Plan } from "../../../src/core/model/index.js";
import { ClaimedImages } from "../../../src/core/operations/shared/claimed-images.js";
import type { Connection, HostFiles, ImageLocks } from "../../../src/core/ports/index.js";

const UUID = "11111111-2222-4333-8444-555555555555";
const PLAN: Plan = {
  verb: "delete",
  domain: { name: "guest", uuid: UUID },
  snapshot: "s",
  before: [],
  after: [{ kind: "domain.discard-memory", file: "/memory" }],
  warnings: [],
};
const NOTHING: Plan = { ...PLAN, after: [] };
const OPTIONS = { timeoutMs: 0 };

/** Others have changed the image before each of the first `changes` plans. */
function claimed(changes: number): ClaimedImages {
  let left = changes;
  const locks: ImageLocks = {
    now: () => 0n,
    run: async (_claims, _user, _options, work) =>
      left-- > 0 ? { overtaken: "/memory" } : { result: await work() },
  };
  const files = { thing: () => Promise.resolve("1:1") } as Partial<HostFiles> as HostFiles;
  const connection = {
    toolstack: { touchesImages: true },
    journal: { list: () => Promise.resolve([]) },
  } as unknown as Connection;
  return new ClaimedImages(locks, files, connection);
}

describe("a command that claims images", () => {
  /** How often it decides, and carries its plan out, until it has ended. */
  const play = async (
    changes: number,
    work: (run: (plan: Plan) => Promise<void>) => Promise<void>,
  ) => {
    const images = claimed(changes);
    const counts = { decided: 0, carriedOut: 0 };
    const run = (plan: Plan) =>
      images.whileClaimed(plan, OPTIONS, () => {
        counts.carriedOut++;
        return Promise.resolve();
      });
    const failure = await images
      .deciding(UUID, () => {
        counts.decided++;
        return work(run);
      })
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    return { ...counts, failure };
  };

  it("decides anew when others have changed an image since it had looked", async () => {
    const played = await play(2, (run) => run(PLAN));
    expect(played).to.deep.equal({ decided: 3, carriedOut: 1, failure: undefined });
  });

  it("gives up when that goes on, and when a plan was carried out", async () => {
    const endless = await play(1000, (run) => run(PLAN));
    expect(endless.carriedOut).to.equal(0);
    expect(asDomsnapError(endless.failure).message).to.contain("was changed for another");
    const late = await play(1, async (run) => {
      await run(NOTHING);
      await run(PLAN);
    });
    expect([late.decided, late.carriedOut]).to.deep.equal([1, 1]);
    expect(asDomsnapError(late.failure).message).to.contain("was changed for another");
  });

  it("does not repeat what fails by itself", async () => {
    const error = new DomsnapError("locked", "by somebody");
    const failing = () => Promise.reject(error);
    for (const plan of [PLAN, NOTHING]) {
      const images = claimed(0);
      let decided = 0;
      const command = images.deciding(UUID, () => {
        decided++;
        return images.whileClaimed(plan, OPTIONS, failing);
      });
      expect(await command.catch((thrown: unknown) => thrown)).to.equal(error);
      expect(decided).to.equal(1);
    }
    expect(await play(0, failing)).to.deep.equal({ decided: 1, carriedOut: 0, failure: error });
  });
});
