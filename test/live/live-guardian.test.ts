import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { expectError } from "../../src/testing/index.js";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { isOfToday } from "../support/part-of-today.js";
import { LiveLab, type LabOptions } from "./support/live-lab.js";

const child = fileURLToPath(new URL("support/dying-child.mjs", import.meta.url));

/** The longest that a guest stays paused when whoever stopped it has died. */
const PROMISED_MS = patience(2000);

interface Moment {
  readonly command: string;
  /** Before QEMU gets the command, or just after. */
  readonly when: "instead" | "after";
}

function momentsOf(commands: readonly string[]): Moment[] {
  return commands.flatMap((command) => [
    { command, when: "instead" },
    { command, when: "after" },
  ]);
}

/** All with LIVE_FAULTS=all, else a part, others each day: each takes seconds. */
function ofToday(moments: readonly Moment[]): Moment[] {
  const isAll = process.env["LIVE_FAULTS"] === "all";
  return moments.filter(({ command }, at) => isAll || command === "stop" || isOfToday(at, 3));
}

describe("a guest that is paused when domsnap is killed", function () {
  this.timeout(patience(240_000));
  let lab: LiveLab;
  before(ensureBuilt);
  afterEach(() => lab.close());

  const open = async (options: LabOptions) => {
    lab = await LiveLab.open(options);
    await lab.wake();
  };

  const documents = {
    files: () =>
      lab.document("s", {
        mode: "external",
        memory: `snapshot='external' file='${lab.memoryFile("s")}'`,
      }),
    copies: () =>
      `<domainsnapshot><name>s</name><memory snapshot='no'/><disks>` +
      `<disk name='vda' snapshot='external'><driver type='raw'/></disk>` +
      `<disk name='vdb' snapshot='external'/></disks></domainsnapshot>`,
  };
  const FLAGS = { files: {}, copies: { diskOnly: true } };

  const runsBy = async (deadlineMs: number, what: string) => {
    while ((await lab.find()).state !== "running") {
      expect(performance.now(), `${what}: it is paused`).to.be.below(deadlineMs);
      await sleep(20);
    }
  };
  /** No trace is left after the next command, and the guest goes on. */
  const expectUntouched = async (what: string) => {
    expect((await lab.service.list("guest")).heads, what).to.deep.equal([]);
    expect(
      readdirSync(lab.folder).filter((name) => /\.s$|memory|partial/.test(name)),
    ).to.deep.equal([]);
    await lab.expectHealthy();
  };
  /** What domsnap sends to QEMU from when the guest is paused until it goes on. */
  const commandsOf = async (work: () => Promise<unknown>, from: string, to: string) => {
    const relay = await lab.relay();
    const before = relay.commands.length;
    await work();
    const during = relay.commands.slice(before);
    return [...new Set(during.slice(during.indexOf(from), during.lastIndexOf(to) + 1))];
  };
  /** Kills domsnap when QEMU is about to get a command, or has just got it. */
  const dieAround = async (command: string, when: "instead" | "after", words: string[]) => {
    const domsnap = spawn(process.execPath, [child, lab.uri, ...words], { stdio: "ignore" });
    const relay = await lab.relay();
    relay.arm({ command, [when]: () => domsnap.kill("SIGKILL") });
    await once(domsnap, "exit");
    expect(relay.happened, `${when} '${command}'`).to.equal(true);
    return performance.now() + PROMISED_MS;
  };

  for (const [how, last, forbidden] of [
    ["in the background", "query-migrate", undefined],
    ["while it is paused", "cont", `"background-snapshot","state":true`],
  ] as const)
    it(`goes on within two seconds, at whatever command, when its memory is saved ${how}`, async () => {
      await open({ disks: 2, words: "fill=24" });
      if (forbidden !== undefined) (await lab.relay()).forbid(forbidden);
      const create = () => lab.service.create("guest", documents.files(), {});
      const commands = await commandsOf(create, "migrate-set-capabilities", last);
      expect(commands).to.include.members(["stop", "transaction", "migrate", "query-migrate"]);
      await lab.service.delete("guest", "s", {});
      const words = ["create", "s", documents.files()];
      for (const { command, when } of ofToday(momentsOf(commands))) {
        const what = `${when} '${command}'`;
        await runsBy(await dieAround(command, when, words), what);
        await expectUntouched(what);
      }
    });

  /** Kills domsnap, and perhaps its guardian, at an event. */
  const dieAt = (
    type: string,
    kind: string,
    options: { kills?: "guardian"; flags?: object } = {},
  ) => {
    const { flags = FLAGS.copies, kills = "alone" } = options;
    const words = [lab.uri, "create", "s", documents.copies(), type, kind];
    const { signal } = spawnSync(process.execPath, [child, ...words, JSON.stringify(flags), kills]);
    expect(signal, `${type} ${kind}`).to.equal("SIGKILL");
    return performance.now() + PROMISED_MS;
  };

  describe("for a disk to be copied", () => {
    beforeEach(() => open({ disks: 2, formats: ["raw", "qcow2"] }));

    it("goes on within two seconds", async () => {
      for (const [type, kind] of [
        ["operation-finished", "domain.pause"],
        ["operation-started", "disks.snapshot"],
        ["operation-progress", "disks.snapshot"],
        ["operation-finished", "disks.snapshot"],
        ["operation-started", "domain.capture"],
      ] as const) {
        await runsBy(dieAt(type, kind), `${type} ${kind}`);
        await expectUntouched(`${type} ${kind}`);
      }
    });

    it("is let go by the next command when the guardian is killed, too", async () => {
      dieAt("operation-finished", "disks.snapshot", { kills: "guardian" });
      await sleep(500);
      expect((await lab.find()).state).to.equal("paused");
      await expectUntouched("both killed");
    });

    it("stays as it is when somebody else had paused it", async () => {
      await lab.guest.pause();
      dieAt("operation-finished", "disks.snapshot");
      await sleep(500);
      expect((await lab.find()).state).to.equal("paused");
      expect((await lab.service.list("guest")).heads).to.deep.equal([]);
      expect((await lab.find()).state).to.equal("paused");
      await lab.guest.resume();
      await lab.expectHealthy();
    });

    it("stays as it is when somebody pauses it after that", async () => {
      const deadlineMs = dieAt("operation-finished", "disks.snapshot");
      await runsBy(deadlineMs, "killed");
      await lab.service.switchPower("guest", { verb: "suspend" });
      await sleep(500);
      expect((await lab.find()).state).to.equal("paused");
      await lab.guest.resume();
      await expectUntouched("paused");
    });
  });

  describe("while an overlay is merged", () => {
    beforeEach(() => open({ disks: 1 }));

    const take = () =>
      lab.service.create("guest", lab.document("s", { mode: "external" }), { diskOnly: true });

    it("goes on within two seconds, in the image below only when the overlay is gone", async () => {
      await take();
      const commands = await commandsOf(() => lab.service.delete("guest", "s", {}), "stop", "cont");
      expect(commands).to.include.members(["stop", "job-complete", "cont"]);
      for (const { command, when } of ofToday(momentsOf(commands))) {
        const what = `${when} '${command}'`;
        await take();
        const [overlay] = await lab.presentImages();
        await runsBy(await dieAround(command, when, ["delete", "s", ""]), what);
        const { definition } = await lab.find();
        // Where it goes on in the image below, the overlay must not be taken for the newer one.
        if (definition.disks[0]?.source?.path !== overlay)
          expect(overlaysIn(lab.folder), what).to.deep.equal([]);
        // The first of some commands comes before the merge begins: then the delete is given up.
        const { heads } = await lab.service.list("guest");
        if (heads.length > 0) {
          expect(command, what).to.match(/^query-/);
          await lab.service.delete("guest", "s", {});
        }
        await expectUntouched(what);
      }
    });

    for (const dies of [true, false])
      it(`stays paused where the overlay cannot be unlinked${dies ? " and domsnap is killed" : ""}`, async () => {
        await take();
        const [overlay = ""] = await lab.presentImages();
        // No name that something is mounted on can be unlinked.
        const after = () => execFileSync("mount", ["--bind", overlay, overlay]);
        const relay = await lab.relay();
        try {
          if (dies) {
            const domsnap = spawn(process.execPath, [child, lab.uri, "delete", "s", ""], {
              stdio: "ignore",
            });
            relay.arm({
              command: "job-complete",
              after: () => {
                after();
                domsnap.kill("SIGKILL");
              },
            });
            await once(domsnap, "exit");
          } else {
            relay.arm({ command: "job-complete", after });
            const error = await expectError(lab.service.delete("guest", "s", {}), "unfinished");
            expect(error.message).to.contain("the guest stays paused");
          }
          await sleep(2 * PROMISED_MS);
          expect(overlaysIn(lab.folder)).to.have.length(1);
          expect((await lab.find()).state).to.equal("paused");
        } finally {
          execFileSync("umount", [overlay]);
        }
        expect((await lab.service.list("guest")).heads).to.deep.equal([]);
        await expectUntouched("unmounted");
      });
  });
});

describe("a guest that goes back to saved memory when domsnap is killed", function () {
  this.timeout(patience(240_000));
  let lab: LiveLab;
  before(ensureBuilt);
  beforeEach(async () => {
    lab = await LiveLab.open({ disks: 1 });
    await lab.wake();
  });
  afterEach(() => lab.close());

  const documents = {
    files: () =>
      lab.document("s", {
        mode: "external",
        memory: `snapshot='external' file='${lab.memoryFile("s")}'`,
      }),
    images: () => lab.document("s"),
  };
  const revertUntil = (type: string, kind: string, flags = {}) => {
    const words = [lab.uri, "revert", "s", "", type, kind, JSON.stringify(flags)];
    const { signal } = spawnSync(process.execPath, [child, ...words]);
    expect(signal).to.equal("SIGKILL");
    return performance.now() + PROMISED_MS;
  };

  for (const kind of ["files", "images"] as const)
    it(`goes on within two seconds when the journal knows that it has started, from ${kind}`, async () => {
      await lab.service.create("guest", documents[kind](), {});
      const deadlineMs = revertUntil("operation-started", "domain.resume");
      while ((await lab.find()).state !== "running") {
        expect(performance.now(), "it is paused").to.be.below(deadlineMs);
        await sleep(20);
      }
      const { pid } = lab.guest;
      await lab.steps(2);
      expect((await lab.service.list("guest")).heads.map(({ name }) => name)).to.deep.equal(["s"]);
      // It was not started again.
      expect(lab.guest.pid).to.equal(pid);
      await lab.expectHealthy();
    });

  it("waits for the next command, which starts it again, as long as the journal does not know", async () => {
    await lab.service.create("guest", documents.files(), {});
    revertUntil("operation-finished", "domain.start");
    await sleep(2 * PROMISED_MS);
    expect((await lab.find()).state).to.equal("paused");
    const { pid } = lab.guest;
    expect((await lab.service.list("guest")).heads.map(({ name }) => name)).to.deep.equal(["s"]);
    expect(lab.guest.pid).not.to.equal(pid);
    await lab.expectHealthy();
  });

  it("stays paused where it is to be paused", async () => {
    await lab.service.create("guest", documents.files(), {});
    await lab.service.revert("guest", "s", { paused: true });
    await sleep(PROMISED_MS);
    expect((await lab.find()).state).to.equal("paused");
  });
});

function overlaysIn(folder: string): string[] {
  return readdirSync(folder).filter((name) => name.endsWith(".s"));
}
