import { randomBytes } from "node:crypto";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, openSync, closeSync, readdirSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import type { DomainDisk } from "../../../src/core/model/index.js";
import { BlktapBackend } from "../../../src/plugins/blktap/index.js";
import { TapCtl } from "../../../src/plugins/blktap/tap-ctl.js";
import { hostImageFiles, type ImageFiles } from "../../../src/formats/vhd/index.js";
import { expectError } from "../../../src/testing/expect-error.js";
import { TestEvidence } from "../../../src/testing/index.js";
import { handlerOf } from "../../support/images/operations.js";
import { makeFolder } from "../support/state-folder.js";
import { readAsGuest, writeAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { makeDynamic } from "../../formats/vhd/support/vhd-images.js";
import {
  contextOf,
  freeze,
  goBack,
  hashOf,
  image,
  mergeStep,
  operations,
} from "./support/operations.js";
import { TapWorld } from "./support/tap-world.js";

const MIB = 1024 * 1024;
const SIZE = 4 * MIB;

describe("blktap while the guest runs", function () {
  let folder: string;
  let dispose: () => Promise<void>;
  let world: TapWorld;
  /** Of the plan under test; each snapshot before it is a plan of its own. */
  let evidence: TestEvidence;
  const at = (name: string) => join(folder, "images", name);

  beforeEach(async () => {
    evidence = new TestEvidence();
    ({ path: folder, dispose } = await makeFolder());
    mkdirSync(join(folder, "images"));
    world = new TapWorld(folder);
    for (const name of ["a", "b"]) {
      await makeDynamic(at(name), SIZE);
      writeAsGuest(at(name), "vhd", 0, randomBytes(1024 * 8));
    }
  });
  afterEach(() => dispose());

  /** Watches that names change only while every tapdisk that is concerned is paused. */
  const watchful = (): ImageFiles & { running: number } => ({
    ...hostImageFiles,
    running: 0,
    async rename(from, to) {
      this.running += world.states().filter((state) => (state & 0x20) === 0).length;
      await hostImageFiles.rename(from, to);
    },
  });
  const snapshotOfBoth = () =>
    operations.snapshot("s", [
      freeze(image(at("a")), at("a.s")),
      { ...freeze(image(at("b")), at("b.s")), target: "xvdb" },
    ]);
  const backend = (files: ImageFiles = hostImageFiles) =>
    new BlktapBackend({ files, tapCtl: world.tapCtl });
  const handler = (backing = backend()) => handlerOf(backing, evidence);
  const freezeOffline = (name: string) =>
    handlerOf(new BlktapBackend()).run(
      operations.snapshot(name, [freeze(image(at("a")), at(`a.${name}`))]),
    );
  const serveBoth = () => {
    world.serve(at("a"));
    world.serve(at("b"));
  };

  it("pauses all disks before the first overlay is in place, and resumes all", async () => {
    serveBoth();
    const before = hashOf(at("a"));
    const files = watchful();
    await handler(backend(files)).run(snapshotOfBoth());
    expect(files.running, "tapdisks that ran during a rename").to.equal(0);
    expect(world.log()).to.deep.equal(["pause 0", "pause 1", "unpause 0", "unpause 1"]);
    expect(world.states()).to.deep.equal([0, 0]);
    expect(world.state.tapdisks[0]?.chain).to.deep.equal([at("a"), at("a.s")]);
    writeAsGuest(at("a"), "vhd", 0, randomBytes(512));
    expect(hashOf(at("a.s"))).to.equal(before);
  });

  it("keeps what the guest wrote when a snapshot is taken back", async () => {
    serveBoth();
    await handler().run(snapshotOfBoth());
    writeAsGuest(at("a"), "vhd", 3 * MIB, randomBytes(4096));
    const written = hashOf(at("a"));
    const warnings: string[] = [];
    await handler().undo(snapshotOfBoth(), contextOf(warnings));
    expect(hashOf(at("a"))).to.equal(written);
    expect(readdirSync(at(""))).to.deep.equal(["a", "b"]);
    expect(world.states()).to.deep.equal([0, 0]);
    expect(world.state.tapdisks[0]?.chain).to.deep.equal([at("a")]);
    expect(warnings.join()).to.include("merged back");
  });

  for (const [what, fault] of [
    ["fails", { exit: 5 }],
    ["fails, but pauses", { exit: 5, does: true }],
    ["never ends, but pauses", { hangs: true, does: true }],
  ] as const)
    it(`resumes everything when the second pause ${what}`, async () => {
      world = new TapWorld(folder, 1500);
      serveBoth();
      // The first pause is good: a fault that does it and ends well does not exist.
      world.order("pause");
      const first = world.tapCtl;
      let pauses = 0;
      const pause = first.pause.bind(first);
      const tapCtl = Object.assign(first, {
        pause: (tapdisk: Parameters<TapCtl["pause"]>[0]) => {
          if (++pauses === 2) world.order("pause", fault);
          return pause(tapdisk);
        },
      });
      const failing = handler(new BlktapBackend({ tapCtl }));
      await expectError(failing.run(snapshotOfBoth()), "tool-failed");
      expect(world.states()).to.deep.equal([0, 0]);
      expect(readdirSync(at(""))).to.deep.equal(["a", "b"]);
    });

  it("tries again when a disk does not resume", async () => {
    serveBoth();
    world.order("unpause", { exit: 5 }, { exit: 22 });
    await handler().run(snapshotOfBoth());
    expect(world.states()).to.deep.equal([0, 0]);
  });

  it("tells when a disk stays paused, and resumes it the next time", async () => {
    serveBoth();
    world.order("unpause", { exit: 5 }, { exit: 5 }, { exit: 5 });
    const operation = snapshotOfBoth();
    const error = await expectError(
      handler().run(operation),
      "tool-failed",
      /tapdisk 1000000000 \(minor 0\) could not be resumed/,
    );
    expect(error.hint).to.include("tap-ctl unpause");
    expect(world.states()).to.deep.equal([0x22a, 0]);
    await handler().run(operation);
    expect(world.states()).to.deep.equal([0, 0]);
    expect(world.state.tapdisks[0]?.chain).to.deep.equal([at("a"), at("a.s")]);
  });

  it("resumes what a crashed process left paused", async () => {
    serveBoth();
    const state = world.state;
    for (const tapdisk of state.tapdisks) tapdisk.state = 0x2a;
    world.save(state);
    await handler().undo(snapshotOfBoth());
    expect(world.states()).to.deep.equal([0, 0]);
  });

  it("merges an inner overlay while the guest runs, and pauses for the swap only", async () => {
    await freezeOffline("s");
    writeAsGuest(at("a"), "vhd", MIB, randomBytes(2 * MIB));
    await freezeOffline("t");
    writeAsGuest(at("a"), "vhd", 0, randomBytes(512));
    world.serve(at("a"), at("a.t"), at("a.s"));
    const [present, second] = [hashOf(at("a")), hashOf(at("a.t"))];
    let pausedAtProgress = 0;
    const context = {
      ...contextOf(),
      progress: () => {
        pausedAtProgress += world.states()[0] ?? 0;
      },
    };
    await handler().run(
      operations.merge([mergeStep(image(at("a.s")), at("a.t"), [at("a")])]),
      context,
    );
    expect(pausedAtProgress, "paused while data were copied").to.equal(0);
    expect(world.log()).to.deep.equal(["pause 0", "unpause 0"]);
    expect(world.state.tapdisks[0]?.chain).to.deep.equal([at("a"), at("a.t")]);
    expect([hashOf(at("a")), hashOf(at("a.t"))]).to.deep.equal([present, second]);
    expect(readdirSync(at(""))).to.deep.equal(["a", "a.t", "b"]);
  });

  it("merges the topmost overlay while the guest waits", async () => {
    await freezeOffline("s");
    writeAsGuest(at("a"), "vhd", MIB, randomBytes(2 * MIB));
    world.serve(at("a"), at("a.s"));
    const present = hashOf(at("a"));
    await handler().run(operations.merge([mergeStep(image(at("a.s")), at("a"))]));
    expect(hashOf(at("a"))).to.equal(present);
    expect(world.states()).to.deep.equal([0]);
    expect(world.state.tapdisks[0]?.chain).to.deep.equal([at("a")]);
    expect(readdirSync(at(""))).to.deep.equal(["a", "b"]);
  });

  it("merges a large topmost overlay in parts, and lets the guest wait for the last one only", async () => {
    await freezeOffline("s");
    writeAsGuest(at("a"), "vhd", 0, randomBytes(3 * MIB));
    world.serve(at("a"), at("a.s"));
    let written = 0;
    let pausedWrites = 0;
    const context = {
      ...contextOf(),
      progress: () => {
        // The guest goes on as long as it may: once in each of the first rounds.
        if (world.states()[0] !== 0) pausedWrites += 1;
        else if (written < 2) writeAsGuest(at("a"), "vhd", MIB * written++, Buffer.alloc(512, 7));
      },
    };
    const small = new BlktapBackend({ tapCtl: world.tapCtl, stallLimitBytes: 2 * MIB });
    await handler(small).run(operations.merge([mergeStep(image(at("a.s")), at("a"))]), context);
    expect(written).to.equal(2);
    expect(pausedWrites, "blocks that the guest had to wait for").to.be.at.most(1);
    const content = readAsGuest(at("a"), "vhd");
    expect([content[0], content[MIB]]).to.deep.equal([7, 7]);
    expect(world.state.tapdisks[0]).to.deep.include({ state: 0, chain: [at("a")] });
    expect(readdirSync(at(""))).to.deep.equal(["a", "b"]);
  });

  it("does not revert under a running guest", async () => {
    await freezeOffline("s");
    world.serve(at("a"), at("a.s"));
    const steps = [goBack(image(at("a.s")), at("a"))];
    await handler().run(operations.stage(steps));
    await expectError(handler().run(operations.revert(steps)), "image-in-use", /tapdisk/);
  });

  describe("judges a running disk", () => {
    const disk = (partial: Partial<DomainDisk>): DomainDisk => ({
      target: "xvda",
      device: "disk",
      type: "file",
      driverName: "tap",
      format: "vhd",
      source: { path: at("a") },
      readonly: false,
      shareable: false,
      transient: false,
      ...partial,
    });
    const wish = { mode: "external", live: true } as const;

    it("possible to freeze and to merge, not to revert", async () => {
      world.serve(at("a"));
      const create = await backend().assess(disk({}), { ...wish, verb: "create" });
      expect(create).to.deep.equal({ possible: true });
      const merge = await backend().assess(disk({}), { ...wish, verb: "delete" });
      expect(merge).to.deep.equal({ possible: true });
      const revert = await backend().assess(disk({}), { ...wish, verb: "revert" });
      expect(revert).to.have.property("possible", false);
    });

    it("impossible when it is raw: its first snapshot changes the configuration", async () => {
      const verdict = await backend().assess(disk({ format: "raw" }), { ...wish, verb: "create" });
      expect(verdict).to.have.property("reason").that.includes("becomes a VHD");
    });

    it("impossible without tap-ctl", async () => {
      const tapCtl = new TapCtl({ program: "/nonexistent/tap-ctl" });
      const verdict = await new BlktapBackend({ tapCtl }).assess(disk({}), {
        ...wish,
        verb: "create",
      });
      expect(verdict).to.have.property("reason").that.includes("tap-ctl was not found");
    });

    it("impossible when QEMU serves it, which misreads VHDs on others", async () => {
      for (const driverName of ["qemu", undefined]) {
        const { driverName: _tap, ...rest } = disk({});
        const verdict = await backend().assess(
          { ...rest, ...(driverName && { driverName }) },
          { ...wish, verb: "create" },
        );
        expect(verdict).to.have.property("reason").that.includes("QEMU silently misreads");
      }
    });
  });

  describe("without tap-ctl", () => {
    let tapdisk: ChildProcess | undefined;
    afterEach(async () => {
      if (!tapdisk) return;
      const ended = once(tapdisk, "exit");
      tapdisk.kill("SIGKILL");
      await ended;
    });

    it("refuses a disk that a tapdisk has open, and names the program that is missing", async () => {
      copyFileSync("/usr/bin/sleep", join(folder, "tapdisk"));
      const fd = openSync(at("a"), "r");
      tapdisk = spawn(join(folder, "tapdisk"), ["60"], {
        stdio: ["ignore", "ignore", "ignore", fd],
      });
      await once(tapdisk, "spawn");
      closeSync(fd);
      const tapCtl = new TapCtl({ program: "/nonexistent/tap-ctl" });
      const error = await expectError(
        handler(new BlktapBackend({ tapCtl })).run(snapshotOfBoth()),
        "image-in-use",
        /in use by tapdisk \(process \d+\)/,
      );
      expect(error.hint).to.include("/nonexistent/tap-ctl");
      expect(readdirSync(at(""))).to.deep.equal(["a", "b"]);
    });
  });

  it("understands both ways of listing", async () => {
    world.serve("/srv/with blank: a.vhd");
    const expected = [
      { pid: 1_000_000_000, minor: 0, state: 0, type: "vhd", path: "/srv/with blank: a.vhd" },
    ];
    expect(await world.tapCtl.list()).to.deep.equal(expected);
    world.save({ ...world.state, generation: "columns" });
    expect(await world.tapCtl.list()).to.deep.equal(expected);
  });
});
