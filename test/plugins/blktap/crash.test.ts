import { randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import type { DiskOperation } from "../../../src/core/model/operation.js";
import { TestEvidence } from "../../../src/testing/index.js";
import { handlerOf, type TestHandler } from "../../support/images/operations.js";
import { BlktapBackend } from "../../../src/plugins/blktap/index.js";
import { hostImageFiles, repairVhd } from "../../../src/formats/vhd/index.js";
import { makeFolder } from "../support/state-folder.js";
import { Crash, FaultyFiles, LOSSES, type Loss } from "../../formats/vhd/support/faulty-files.js";
import { checkVhd } from "../../formats/vhd/support/check-vhd.js";
import { writeAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { makeDynamic } from "../../formats/vhd/support/vhd-images.js";
import { MemoryTapCtl } from "./support/memory-tap-ctl.js";
import { freeze, goBack, hashOf, image, mergeStep, operations } from "./support/operations.js";

const MIB = 1024 * 1024;
/** Two blocks, the second one cut. */
const SIZE = 3 * MIB + 512;

/** A scene on disk: made once, copied for each crash. */
interface Scene {
  readonly operations: (at: (name: string) => string) => readonly DiskOperation[];
  readonly make: (at: (name: string) => string) => Promise<void>;
  /** Hash of the present state; the same before and after, but for a revert. */
  readonly present: (at: (name: string) => string) => string;
}

/** All kinds of loss once, for VHDs; the files of raw disks see the same steps. */
const lossesOf = (format: "vhd" | "raw"): readonly Loss[] =>
  format === "vhd" ? LOSSES : ["none", "some"];

const backendWith = (files: FaultyFiles) => new BlktapBackend({ files });
/** A plan that went well. */
const carryOut = (operation: DiskOperation) => handlerOf(new BlktapBackend()).run(operation);

/** Settles what a crash has left; each survivor is a process that has read the plan's journal. */
type Recover = (
  at: (name: string) => string,
  ops: readonly DiskOperation[],
  survivor: () => TestHandler,
) => Promise<void>;

describe("blktap after a crash", function () {
  let root: string;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    ({ path: root, dispose } = await makeFolder());
  });
  afterEach(() => dispose());

  const guestDisk = async (path: string, format: "vhd" | "raw") => {
    if (format === "raw") writeFileSync(path, randomBytes(SIZE));
    else {
      await makeDynamic(path, SIZE);
      writeAsGuest(path, "vhd", 512 * 5, randomBytes(512 * 20));
    }
  };
  const guestGoesOn = (path: string) => {
    writeAsGuest(path, "vhd", 512 * 8, Buffer.alloc(512 * 4));
    writeAsGuest(path, "vhd", 2 * MIB, randomBytes(MIB / 2));
    writeAsGuest(path, "vhd", SIZE - 1024, randomBytes(512));
  };

  /** Runs a scene with a crash at every change; `recover` must bring back one of two states. */
  const tryEveryCrash = async (
    scene: Scene,
    losses: readonly Loss[],
    recover: Recover,
    backendOf: (files: FaultyFiles, folder: string) => BlktapBackend = backendWith,
  ): Promise<number> => {
    const original = join(root, "original");
    rmSync(original, { recursive: true, force: true });
    mkdirSync(original);
    await scene.make((name) => join(original, name));
    let crashes = 0;
    for (const loss of losses)
      for (let crashAt = 0; ; crashAt++) {
        const folder = join(root, "copy");
        rmSync(folder, { recursive: true, force: true });
        mkdirSync(folder);
        cpSync(original, folder, { recursive: true });
        const at = (name: string) => join(folder, name);
        const ops = scene.operations(at);
        const files = new FaultyFiles(crashAt, loss);
        const evidence = new TestEvidence();
        const crashed = await runAll(handlerOf(backendOf(files, folder), evidence), ops);
        if (!crashed) break;
        crashes += 1;
        const survivor = () => handlerOf(new BlktapBackend(), evidence);
        await recover(at, ops, survivor).catch((error: unknown) => {
          throw new Error(`crash at change ${crashAt}, losing ${loss}: ${String(error)}`);
        });
      }
    return crashes;
  };

  const runAll = async (handler: TestHandler, ops: readonly DiskOperation[]) => {
    try {
      for (const operation of ops) await handler.run(operation);
      return false;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      return true;
    }
  };

  for (const format of ["vhd", "raw"] as const) {
    const created: Scene = {
      make: async (at) => {
        await guestDisk(at("a"), format);
        await guestDisk(at("b"), format);
      },
      operations: (at) => [
        operations.snapshot("s", [
          freeze(image(at("a"), format), at("a.s")),
          { ...freeze(image(at("b"), format), at("b.s")), target: "xvdb" },
        ]),
      ],
      present: (at) => hashOf(at("a"), format),
    };

    it(`takes back the create of a ${format} disk at every step`, async () => {
      let before = "";
      const crashes = await tryEveryCrash(
        created,
        lossesOf(format),
        async (at, [create], survivor) => {
          before ||= created.present((name) => join(root, "original", name));
          await survivor().undo(create!);
          await survivor().undo(create!);
          expect(hashOf(at("a"), format)).to.equal(before);
          expect(readdirSync(at(""))).to.deep.equal(["a", "b"]);
          expect(await survivor().settle(create!)).to.equal("not-done");
        },
      );
      expect(crashes).to.be.greaterThan(12);
    });

    it(`carries through the create of a ${format} disk from every step`, async () => {
      await tryEveryCrash(created, ["all"], async (at, [create], survivor) => {
        const before = created.present((name) => join(root, "original", name));
        await survivor().run(create!);
        expect(await survivor().settle(create!)).to.equal("done");
        expect(hashOf(at("a"))).to.equal(before);
        expect(hashOf(at("a.s"), format)).to.equal(before);
        expect(readdirSync(at(""))).to.deep.equal(["a", "a.s", "b", "b.s"]);
        expect(await checkVhd(hostImageFiles, at("a"))).to.deep.equal([]);
      });
    });

    for (const isInner of [false, true]) {
      const what = `a ${format} image with ${isInner ? "an inner overlay" : "the topmost one"}`;
      const merged: Scene = {
        make: async (at) => {
          await guestDisk(at("a"), format);
          await carryOut(operations.snapshot("s", [freeze(image(at("a"), format), at("a.s"))]));
          guestGoesOn(at("a"));
          // The merge has to take permissions from the base, which is a change of its own.
          chmodSync(at("a.s"), 0o644);
          chmodSync(at("a"), 0o600);
          if (!isInner) return;
          await carryOut(operations.snapshot("t", [freeze(image(at("a")), at("a.t"))]));
          writeAsGuest(at("a"), "vhd", 512, randomBytes(512));
        },
        operations: (at) => [
          operations.merge([
            isInner
              ? mergeStep(image(at("a.s"), format), at("a.t"), [at("a")])
              : mergeStep(image(at("a.s"), format), at("a")),
          ]),
        ],
        present: (at) => hashOf(at("a")),
      };
      it(`carries through the merge of ${what} from every step`, async () => {
        const losses = isInner ? lossesOf("raw") : lossesOf(format);
        const crashes = await tryEveryCrash(merged, losses, async (at, [merge], survivor) => {
          const before = merged.present((name) => join(root, "original", name));
          await survivor().run(merge!);
          expect(await survivor().settle(merge!)).to.equal("done");
          await survivor().run(merge!);
          expect(hashOf(at("a"))).to.equal(before);
          expect(statSync(at(isInner ? "a.t" : "a")).mode & 0o777).to.equal(0o600);
          if (isInner) expect(hashOf(at("a.t"))).to.equal(hashOf(join(root, "original", "a.t")));
          expect(readdirSync(at(""))).to.deep.equal(isInner ? ["a", "a.t"] : ["a"]);
          expect(await checkVhd(hostImageFiles, at("a"))).to.deep.equal([]);
        });
        expect(crashes).to.be.greaterThan(10);
      });
    }

    it(`carries through the merge of a ${format} image below a running guest from every step`, async () => {
      const merged: Scene = {
        make: async (at) => {
          await guestDisk(at("a"), format);
          await carryOut(operations.snapshot("s", [freeze(image(at("a"), format), at("a.s"))]));
          guestGoesOn(at("a"));
        },
        operations: (at) => [operations.merge([mergeStep(image(at("a.s"), format), at("a"))])],
        present: (at) => hashOf(at("a")),
      };
      // Whatever is written takes a round: the guest writes once, so two are tried each time.
      const running = (files: FaultyFiles, folder: string) =>
        new BlktapBackend({
          files,
          tapCtl: new MemoryTapCtl(join(folder, "a")),
          stallLimitBytes: 0,
        });
      const crashes = await tryEveryCrash(
        merged,
        format === "vhd" ? ["none", "some"] : ["none"],
        async (at, [merge], survivor) => {
          const before = hashOf(join(root, "original", "a"));
          await survivor().run(merge!);
          expect(await survivor().settle(merge!)).to.equal("done");
          expect(hashOf(at("a"))).to.equal(before);
          expect(readdirSync(at(""))).to.deep.equal(["a"]);
        },
        running,
      );
      expect(crashes).to.be.greaterThan(15);
    });

    it(`reverts a ${format} disk or stays, from every step`, async () => {
      const reverted: Scene = {
        make: async (at) => {
          await guestDisk(at("a"), format);
          await carryOut(operations.snapshot("s", [freeze(image(at("a"), format), at("a.s"))]));
          guestGoesOn(at("a"));
        },
        operations: (at) => {
          const steps = [goBack(image(at("a.s"), format), at("a"))];
          return [operations.stage(steps), operations.revert(steps)];
        },
        present: (at) => hashOf(at("a")),
      };
      await tryEveryCrash(reverted, lossesOf(format), async (at, [stage, revert], survivor) => {
        const before = reverted.present((name) => join(root, "original", name));
        const frozen = hashOf(join(root, "original", "a.s"), format);
        const isStaged = (await survivor().settle(stage!)) === "done";
        if (isStaged) await survivor().run(revert!);
        else if ((await survivor().settle(revert!)) !== "done") {
          expect(hashOf(at("a"))).to.equal(before);
          await survivor().undo(stage!);
        }
        expect([before, frozen]).to.include(hashOf(at("a")));
        if (isStaged) expect(hashOf(at("a"))).to.equal(frozen);
        expect(hashOf(at("a.s"), format)).to.equal(frozen);
        expect(readdirSync(at(""))).to.deep.equal(["a", "a.s"]);
      });
    });
  }

  it("carries a merge into another folder through from every step", async () => {
    const merged: Scene = {
      make: async (at) => {
        mkdirSync(at("other"));
        await guestDisk(at("a"), "vhd");
        await carryOut(operations.snapshot("s", [freeze(image(at("a")), at("a.s"))]));
        guestGoesOn(at("a"));
        const overlay = image(at("other/a"));
        const step = { keeps: "overlay", target: "xvda", image: image(at("a")) } as const;
        await carryOut(operations.snapshot("t", [{ ...step, overlay, before: "absent" }]));
        guestGoesOn(at("other/a"));
      },
      operations: (at) => [operations.merge([mergeStep(image(at("a")), at("other/a"))])],
      present: (at) => hashOf(at("other/a")),
    };
    const crashes = await tryEveryCrash(merged, LOSSES, async (at, [merge], survivor) => {
      const before = merged.present((name) => join(root, "original", name));
      await survivor().run(merge!);
      expect(await survivor().settle(merge!)).to.equal("done");
      await survivor().run(merge!);
      expect(hashOf(at("other/a"))).to.equal(before);
      expect(readdirSync(at(""))).to.deep.equal(["a.s", "other"]);
      expect(readdirSync(at("other"))).to.deep.equal(["a"]);
      expect(await checkVhd(hostImageFiles, at("other/a"))).to.deep.equal([]);
    });
    expect(crashes).to.be.greaterThan(40);
  });

  it("repairs a footer from every step", async () => {
    const path = join(root, "leaf");
    await makeDynamic(path, SIZE);
    writeAsGuest(path, "vhd", 512, randomBytes(512), { dies: true });
    copyFileSync(path, `${path}.original`);
    const before = hashOf(path);
    for (const loss of LOSSES)
      for (let crashAt = 0; ; crashAt++) {
        copyFileSync(`${path}.original`, path);
        const crashed = await repairVhd(new FaultyFiles(crashAt, loss), path).then(
          () => false,
          (error: unknown) => error instanceof Crash,
        );
        await repairVhd(hostImageFiles, path);
        expect(hashOf(path), `crash at change ${crashAt}, losing ${loss}`).to.equal(before);
        expect(await checkVhd(hostImageFiles, path)).to.deep.equal([]);
        if (!crashed) break;
      }
  });
});
