import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  openSync,
  readdirSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

import { expect } from "chai";

import type { RevertStep, SnapshotStep } from "../../../src/core/model/index.js";
import { BlktapBackend } from "../../../src/plugins/blktap/index.js";
import {
  formatEmptyVhd,
  hostImageFiles,
  MAX_CHAIN_DEPTH,
  openVhd,
} from "../../../src/formats/vhd/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { TestEvidence } from "../../../src/testing/index.js";
import { handlerOf } from "../../support/images/operations.js";
import { makeFolder } from "../support/state-folder.js";
import { FaultyFiles } from "../../formats/vhd/support/faulty-files.js";
import { writeAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { attributesOf, giveAttributes } from "../../support/images/attributes.js";
import { makeDynamic } from "../../formats/vhd/support/vhd-images.js";
import { freeze, goBack, hashOf, image, mergeStep, operations } from "./support/operations.js";

const SIZE = 3 * 1024 * 1024;

describe("blktap, before and beside its changes", function () {
  let folder: string;
  let dispose: () => Promise<void>;
  let holder: ChildProcess | undefined;
  /** Of the plan under test; each snapshot before it is a plan of its own. */
  let evidence: TestEvidence;
  beforeEach(async () => {
    evidence = new TestEvidence();
    ({ path: folder, dispose } = await makeFolder());
  });
  afterEach(async () => {
    if (holder) {
      const ended = once(holder, "exit");
      holder.kill("SIGKILL");
      await ended;
      holder = undefined;
    }
    await dispose();
  });

  const at = (name: string) => join(folder, name);
  const handler = () => handlerOf(new BlktapBackend(), evidence);
  const temporary = () => `a.domsnap-tmp-${evidence.token}`;
  const modeOf = (name: string) => statSync(at(name)).mode & 0o777;
  const snapshot = (name: string) =>
    handlerOf(new BlktapBackend()).run(
      operations.snapshot(name, [freeze(image(at("a")), at(`a.${name}`))]),
    );
  const makeSnapshot = async () => {
    await makeDynamic(at("a"), SIZE);
    await snapshot("s");
    writeAsGuest(at("a"), "vhd", 512, randomBytes(4096));
  };
  /** Another program has a file open. */
  const hold = async (name: string) => {
    const fd = openSync(at(name), "r");
    holder = spawn("sleep", ["60"], { stdio: ["ignore", "ignore", "ignore", fd] });
    await once(holder, "spawn");
    closeSync(fd);
  };
  const merge = () => operations.merge([mergeStep(image(at("a.s")), at("a"))]);
  const steps = (): RevertStep[] => [goBack(image(at("a.s")), at("a"))];

  describe("the last look before a merge", () => {
    beforeEach(makeSnapshot);

    it("is content with a good chain, and changes nothing", async () => {
      const files = new FaultyFiles();
      const watched = handlerOf(new BlktapBackend({ files }), evidence);
      await watched.precheck(merge());
      expect(files.changes).to.equal(0);
      await watched.run(merge());
      await watched.precheck(merge());
    });

    for (const name of ["a", "a.s"])
      it(`finds a program that has '${name}' open`, async () => {
        await hold(name);
        await expectError(handler().precheck(merge()), "image-in-use", /sleep \(process \d+\)/);
      });

    it("finds an overlay that was cut off, which holds what its base has older states of", async () => {
      const size = statSync(at("a")).size;
      truncateSync(at("a"), size - 2 * 1024 * 1024);
      const before = hashOf(at("a.s"));
      await expectError(handler().precheck(merge()), "disk-unsupported", /cut off/);
      await expectError(handler().run(merge()), "disk-unsupported", /cut off/);
      expect(hashOf(at("a.s"))).to.equal(before);
    });

    it("finds a raw base that was written to since", async () => {
      writeFileSync(at("r"), Buffer.alloc(SIZE));
      const raw = { ...image(at("r")), format: "raw" } as const;
      await handlerOf(new BlktapBackend()).run(operations.snapshot("s", [freeze(raw, at("r.s"))]));
      const later = new Date(Date.now() + 60_000);
      utimesSync(at("r.s"), later, later);
      const step = mergeStep({ ...raw, path: at("r.s") }, at("r"));
      await expectError(
        handler().precheck(operations.merge([step])),
        "disk-unsupported",
        /raw parent .* written to since/,
      );
    });

    it("finds another branch", async () => {
      const base = await openVhd(hostImageFiles, at("a.s"));
      await base.layer.close();
      const parent = { path: at("a.s"), uuid: base.footer.uuid, changedMs: 0 };
      writeFileSync(at("b"), formatEmptyVhd({ sizeBytes: SIZE, finalPath: at("b"), parent }));
      await expectError(handler().precheck(merge()), "image-in-use", /\/b' stands on image/);
    });

    it("finds a base that was replaced, and one of another size", async () => {
      const base = await openVhd(hostImageFiles, at("a.s"));
      await base.layer.close();
      await makeDynamic(at("a.s"), 2 * SIZE, base.footer.uuid);
      await expectError(handler().precheck(merge()), "disk-unsupported", /same size|has \d+ bytes/);
      await makeDynamic(at("a.s"), SIZE);
      await expectError(handler().precheck(merge()), "image-conflict", /is another one/);
    });
  });

  describe("the last look before a revert", () => {
    beforeEach(async () => {
      await makeSnapshot();
      await handler().run(operations.stage(steps()));
    });

    it("is content with what is staged", async () => {
      await handler().precheck(operations.revert(steps()));
      await handler().run(operations.revert(steps()));
      expect(hashOf(at("a"))).to.equal(hashOf(at("a.s")));
    });

    it("finds a program that has the present state open, unless it is to be stopped", async () => {
      await hold("a");
      const operation = operations.revert(steps());
      await expectError(handler().precheck(operation), "image-in-use", /sleep/);
      await handler().precheck({ ...operation, open: true } as typeof operation);
    });

    it("misses what was staged", async () => {
      unlinkSync(at(temporary()));
      await expectError(handler().precheck(operations.revert(steps())), "image-missing", /staged/);
    });
  });

  describe("access", () => {
    it("to a new overlay is that of the image whose path it takes", async () => {
      await makeDynamic(at("a"), SIZE);
      for (const mode of [0o600, 0o640]) {
        chmodSync(at("a"), mode);
        await snapshot(mode.toString(8));
        expect([modeOf("a"), modeOf(`a.${mode.toString(8)}`)]).to.deep.equal([mode, mode]);
      }
    });

    it("to an image's path stays what lists and notes say", async () => {
      await makeDynamic(at("a"), SIZE);
      giveAttributes(at("a"));
      const before = attributesOf(at("a"));
      await snapshot("s");
      expect(attributesOf(at("a"))).to.equal(before);
      expect(attributesOf(at("a.s"))).to.equal(before);
      await handler().run(operations.stage(steps()));
      await handler().run(operations.revert(steps()));
      expect(attributesOf(at("a"))).to.equal(before);
    });

    it("to an overlay of its own path is its owner's", async () => {
      await makeDynamic(at("a"), SIZE);
      chmodSync(at("a"), 0o644);
      const step: SnapshotStep = {
        keeps: "overlay",
        target: "xvda",
        image: image(at("a")),
        overlay: image(at("over")),
        before: "absent",
      };
      await handler().run(operations.snapshot("s", [step]));
      expect([modeOf("a"), modeOf("over")]).to.deep.equal([0o644, 0o600]);
    });

    it("to merged data is not wider than to the overlay that held them", async () => {
      await makeSnapshot();
      chmodSync(at("a.s"), 0o644);
      chmodSync(at("a"), 0o640);
      const present = hashOf(at("a"));
      await handler().run(merge());
      expect(modeOf("a")).to.equal(0o640);
      expect(hashOf(at("a"))).to.equal(present);
    });

    it("after a revert is that of the overlay that it replaces", async () => {
      await makeSnapshot();
      chmodSync(at("a.s"), 0o644);
      chmodSync(at("a"), 0o600);
      await handler().run(operations.stage(steps()));
      expect(modeOf(temporary()), "before it is in place").to.equal(0o600);
      await handler().run(operations.revert(steps()));
      expect(modeOf("a")).to.equal(0o600);
    });
  });

  it(`lets ${MAX_CHAIN_DEPTH} images stand on one another, and no more`, async () => {
    await makeDynamic(at("a"), SIZE);
    for (let depth = 1; depth < MAX_CHAIN_DEPTH; depth++) await snapshot(`s${depth}`);
    const before = readdirSync(folder);
    const error = await expectError(
      snapshot("more"),
      "disk-unsupported",
      /30 in a row are the limit/,
    );
    expect(error.hint).to.include("Delete a snapshot first");
    expect(readdirSync(folder)).to.deep.equal(before);
  });
});
