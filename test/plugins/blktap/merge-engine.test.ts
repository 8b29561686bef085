import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import type { ErrorCode } from "../../../src/core/errors/index.js";
import type { DomainDisk, SnapshotStep } from "../../../src/core/model/index.js";
import { BlktapBackend } from "../../../src/plugins/blktap/index.js";
import { hostImageFiles } from "../../../src/formats/vhd/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { TestEvidence } from "../../../src/testing/index.js";
import { handlerOf } from "../../support/images/operations.js";
import { makeFolder } from "../support/state-folder.js";
import { checkVhd } from "../../formats/vhd/support/check-vhd.js";
import { writeAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { makeDynamic } from "../../formats/vhd/support/vhd-images.js";
import { freeze, hashOf, image, mergeStep, operations } from "./support/operations.js";
import type { VhdUtilFault } from "./support/vhd-util.js";

const MIB = 1024 * 1024;
const SIZE = 4 * MIB;
const STAND_IN = fileURLToPath(new URL("support/vhd-util.ts", import.meta.url));

describe("blktap, merging by vhd-util", function () {
  let folder: string;
  let dispose: () => Promise<void>;
  let vhdUtil: string;
  /** Of the merge; the snapshot before it is a plan of its own. */
  let evidence: TestEvidence;
  const at = (name: string) => join(folder, "images", name);

  beforeEach(async () => {
    evidence = new TestEvidence();
    ({ path: folder, dispose } = await makeFolder());
    mkdirSync(join(folder, "images"));
    vhdUtil = join(folder, "vhd-util");
    const words = [process.execPath, "--import", import.meta.resolve("tsx"), STAND_IN, folder];
    writeFileSync(vhdUtil, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`);
    chmodSync(vhdUtil, 0o755);
  });
  afterEach(() => dispose());

  const order = (fault: VhdUtilFault) => {
    writeFileSync(join(folder, "vhd-util.fault"), JSON.stringify(fault));
  };
  const calls = () => {
    const log = join(folder, "vhd-util.log");
    return existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : [];
  };
  const handler = () => handlerOf(new BlktapBackend({ engine: "vhd-util", vhdUtil }), evidence);
  const native = () => handlerOf(new BlktapBackend({ engine: "native" }), evidence);
  const takeSnapshot = (step: SnapshotStep) =>
    handlerOf(new BlktapBackend({ engine: "native" })).run(operations.snapshot("s", [step]));
  const merge = () => operations.merge([mergeStep(image(at("a.s"), base), at("a"))]);
  let base: "vhd" | "raw";

  /** A frozen image with an overlay that holds some of it anew; gives the hash of the present. */
  const makeChain = async (format: "vhd" | "raw", options: { dies?: boolean } = {}) => {
    base = format;
    if (format === "raw") writeFileSync(at("a"), randomBytes(SIZE));
    else {
      await makeDynamic(at("a"), SIZE);
      writeAsGuest(at("a"), "vhd", 512 * 3, randomBytes(512 * 20));
    }
    await takeSnapshot(freeze(image(at("a"), format), at("a.s")));
    writeAsGuest(at("a"), "vhd", 512 * 10, Buffer.alloc(512 * 4));
    writeAsGuest(at("a"), "vhd", 2 * MIB, randomBytes(2 * MIB), options);
    return hashOf(at("a"));
  };

  for (const format of ["vhd", "raw"] as const)
    it(`copies into a ${format} image and does the rest as ever`, async () => {
      const present = await makeChain(format);
      await handler().run(merge());
      expect(await handler().settle(merge())).to.equal("done");
      expect(hashOf(at("a"))).to.equal(present);
      expect(readdirSync(at(""))).to.deep.equal(["a"]);
      expect(await checkVhd(hostImageFiles, at("a"))).to.deep.equal([]);
      expect(calls()).to.deep.equal([`coalesce -n ${at("a")}`]);
    });

  it("puts back a missing footer first, because vhd-util would lose a sector", async () => {
    const present = await makeChain("vhd", { dies: true });
    await handler().run(merge());
    expect(hashOf(at("a"))).to.equal(present);
  });

  it("reads back what vhd-util made, and believes no exit status", async () => {
    const present = await makeChain("vhd");
    order({ runs: 1, exit: 0, says: "Coalesced 4100 sectors" });
    const error = await expectError(
      handler().run(merge()),
      "operation-failed",
      /said that it was done, and it was not.*from sector 4096 on/,
    );
    expect(error.hint).to.include("DOMSNAP_VHD_ENGINE");
    expect(hashOf(at("a"))).to.equal(present);
    await native().run(merge());
    expect(hashOf(at("a"))).to.equal(present);
    expect(readdirSync(at(""))).to.deep.equal(["a"]);
  });

  it("goes on after vhd-util has failed half way, with either engine", async () => {
    const present = await makeChain("vhd");
    order({ runs: 1, exit: 5, says: "error coalescing block 1: -5\n" });
    await expectError(handler().run(merge()), "tool-failed", /error coalescing block/);
    order({ exit: 0 });
    await handler().run(merge());
    expect(hashOf(at("a"))).to.equal(present);
  });

  it("leaves to domsnap itself what vhd-util cannot follow", async () => {
    await makeDynamic(at("a"), SIZE);
    await takeSnapshot(freeze(image(at("a")), at("a.später")));
    const operation = operations.merge([mergeStep(image(at("a.später")), at("a"))]);
    await expectError(handler().precheck(operation), "disk-unsupported", /cannot follow/);
    expect(calls()).to.deep.equal([]);
  });

  describe("is refused", () => {
    const disk: DomainDisk = {
      target: "xvda",
      device: "disk",
      type: "file",
      driverName: "tap",
      format: "vhd",
      readonly: false,
      shareable: false,
      transient: false,
    };
    const reasonFor = async (code: ErrorCode, choice: { engine?: string; vhdUtil?: string }) => {
      await makeChain("vhd");
      const backend = new BlktapBackend(choice);
      const wish = { verb: "delete", mode: "external", live: false } as const;
      const verdict = await backend.assess({ ...disk, source: { path: at("a") } }, wish);
      await expectError(handlerOf(backend, evidence).precheck(merge()), code);
      const create = { ...wish, verb: "create" } as const;
      const other = await backend.assess({ ...disk, source: { path: at("a") } }, create);
      expect(other.possible, "a create merges nothing").to.equal(true);
      return verdict.possible ? "" : `${verdict.reason}; ${verdict.remedy}`;
    };

    it("when it is not installed", async () => {
      const reason = await reasonFor("tool-missing", {
        engine: "vhd-util",
        vhdUtil: "/nonexistent/vhd-util",
      });
      expect(reason).to.match(/'\/nonexistent\/vhd-util', which is not installed.*unset/);
    });

    it("under a name that is none", async () => {
      process.env["DOMSNAP_VHD_ENGINE"] = "coalesce";
      const reason = await reasonFor("invalid-argument", {}).finally(
        () => delete process.env["DOMSNAP_VHD_ENGINE"],
      );
      expect(reason).to.match(/DOMSNAP_VHD_ENGINE is 'coalesce'; .*'native' or to 'vhd-util'/);
    });
  });
});
