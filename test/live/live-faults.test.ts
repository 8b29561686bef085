import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { asDomsnapError } from "../../src/core/errors/index.js";
import type { ProgressEvent } from "../../src/core/execute/progress-event.js";
import { operationsOf } from "../../src/core/plan/plan-operations.js";
import { queryBlockGraph } from "../../src/clients/qmp/index.js";
import { expectError } from "../../src/testing/index.js";
import { formatCommandLine } from "../../src/plugins/toolstack-qemu/command-line.js";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { isOfToday } from "../support/part-of-today.js";
import { LiveLab } from "./support/live-lab.js";
import type { Fault } from "./support/monitor-relay.js";

const child = fileURLToPath(new URL("support/dying-child.mjs", import.meta.url));

const FOUR_MIB = 4 * 1024 * 1024;

describe("a running guest when something goes wrong", function () {
  this.timeout(patience(120_000));
  let lab: LiveLab;
  before(ensureBuilt);

  beforeEach(async () => {
    lab = await LiveLab.open({ disks: 2, words: "fill=24" });
    await lab.wake();
  });
  afterEach(() => lab.close());

  /** Lets a command go wrong, and gives the relay that tells whether it did. */
  const arm = async (fault: Fault) => {
    const relay = await lab.relay();
    relay.arm(fault);
    return relay;
  };

  const documents = {
    files: () =>
      lab.document("s", {
        mode: "external",
        memory: `snapshot='external' file='${lab.memoryFile("s")}'`,
      }),
    images: () => lab.document("s"),
  };

  const images = () => lab.disks.map(({ path }) => path);

  /** No trace of the snapshot is left, and the guest goes on or, if it died, lost nothing. */
  const expectUntouched = async (alive = true) => {
    const { heads } = await lab.service.list("guest");
    expect(heads).to.deep.equal([]);
    const { definition, inactiveDefinition, state } = await lab.find();
    expect(definition.disks.map(({ source }) => source?.path)).to.deep.equal(images());
    expect(inactiveDefinition?.disks ?? definition.disks).to.deep.equal(definition.disks);
    const left = readdirSync(lab.folder).filter((name) => /\.s$|memory|partial/.test(name));
    expect(left).to.deep.equal([]);
    if (alive) {
      expect(state).to.equal("running");
      await lab.steps(2);
      const graph = await lab.guest.withMonitor(queryBlockGraph);
      const names = graph.nodes.map(({ name }) => name);
      expect(names.filter((name) => name.startsWith("domsnap"))).to.deep.equal([]);
      expect(graph.nodes.flatMap(({ snapshots = [] }) => snapshots)).to.deep.equal([]);
    } else {
      expect(state).to.equal("shutoff");
      await expectNothingLost();
    }
    expect(lab.console.torn).to.deep.equal([]);
  };

  /** All that the guest had told to be on its disks is there. */
  const expectNothingLost = async () => {
    const { ticks } = lab.console;
    const stamps = lab.stamps(
      (await lab.find()).definition.disks.map(({ source, format }) => ({
        path: source?.path ?? "",
        format: format ?? "raw",
      })),
    );
    for (const stamp of stamps) expect(stamp).to.be.within(ticks, ticks + 1);
    for (const path of images())
      execFileSync("qemu-img", ["check", "-q", "-r", "leaks", path], { stdio: "pipe" });
  };

  const killGuest = () => {
    const { pid } = lab.guest;
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  };

  /** All kinds of commands that domsnap sends to QEMU meanwhile: none is to be forgotten. */
  const commandsDuring = async (work: () => Promise<unknown>): Promise<string[]> => {
    const relay = await lab.relay();
    const before = relay.commands.length;
    await work();
    return [...new Set(relay.commands.slice(before))];
  };
  const createCommands = async (kind: keyof typeof documents) => {
    const commands = await commandsDuring(() => lab.service.create("guest", documents[kind](), {}));
    await lab.service.delete("guest", "s", {});
    return commands;
  };

  /** All with LIVE_FAULTS=all, else some, others each day: to boot a guest anew takes time. */
  const ofToday = (commands: readonly string[]): string[] => {
    const isAll = process.env["LIVE_FAULTS"] === "all";
    return commands.filter((_command, at) => isAll || isOfToday(at, 4));
  };

  const DEADLY = { files: ["transaction", "migrate", "query-migrate"], images: ["query-jobs"] };

  for (const kind of ["files", "images"] as const) {
    it(`rolls back when the monitor is lost while a snapshot in ${kind} is taken`, async () => {
      const commands = await createCommands(kind);
      expect(commands).to.include.members(DEADLY[kind]);
      for (const command of commands) {
        const armed = await arm({ command });
        const error = asDomsnapError(
          await lab.service.create("guest", documents[kind](), {}).catch((e: unknown) => e),
        );
        expect(armed.happened, command).to.equal(true);
        expect(error.effect, `${command}: ${error.message}`).to.equal("rolled-back");
        await expectUntouched();
      }
    });

    it(`rolls back or does without it when QEMU refuses a command while a snapshot in ${kind} is taken`, async () => {
      for (const command of await createCommands(kind)) {
        const armed = await arm({ command, refuse: true });
        const failure = await lab.service.create("guest", documents[kind](), {}).then(
          () => undefined,
          (thrown: unknown) => asDomsnapError(thrown),
        );
        expect(armed.happened, command).to.equal(true);
        if (failure)
          expect(failure.effect, `${command}: ${failure.message}`).to.be.oneOf([
            "none",
            "rolled-back",
          ]);
        else await lab.service.delete("guest", "s", {});
        await expectUntouched();
      }
    });

    it(`rolls back when QEMU dies while a snapshot in ${kind} is taken`, async () => {
      const others = ofToday(await createCommands(kind));
      for (const command of new Set([...DEADLY[kind], ...others])) {
        if (!lab.guest.alive) await lab.wake();
        await lab.steps(2);
        const armed = await arm({ command, instead: killGuest });
        const error = asDomsnapError(
          await lab.service.create("guest", documents[kind](), {}).catch((e: unknown) => e),
        );
        expect(armed.happened, command).to.equal(true);
        expect(error.effect, `${command}: ${error.message}`).to.equal("rolled-back");
        await expectUntouched(false);
      }
    });
  }

  it("carries a merge through when the monitor is lost, or QEMU dies", async () => {
    const overlays = () => readdirSync(lab.folder).filter((name) => name.endsWith(".s"));
    await lab.service.create("guest", lab.document("s", { mode: "external" }), { diskOnly: true });
    const lost = await commandsDuring(() => lab.service.delete("guest", "s", {}));
    const deadly = ["block-commit", "job-complete", "cont"];
    const begun: string[] = [];
    for (const instead of [undefined, killGuest])
      for (const command of instead ? deadly : lost) {
        if (!lab.guest.alive) await lab.wake();
        const document = lab.document("s", { mode: "external" });
        await lab.service.create("guest", document, { diskOnly: true });
        await lab.steps(2);
        const armed = await arm({ command, ...(instead && { instead }) });
        const error = asDomsnapError(
          await lab.service.delete("guest", "s", {}).catch((e: unknown) => e),
        );
        expect(armed.happened, command).to.equal(true);
        // Until the merge has begun it is given up; then the next command on the domain goes on with it.
        if (error.code !== "unfinished") {
          expect(error.effect, `${command}: ${error.message}`).to.equal("rolled-back");
          await lab.service.delete("guest", "s", {});
        } else begun.push(command);
        await expectUntouched(instead === undefined);
        expect(overlays()).to.deep.equal([]);
      }
    expect(begun).to.include.members(["job-complete", "cont"]);
  });

  /** A small file system, and a snapshot whose memory is to go there. */
  async function onSmall(
    size: string,
    work: (small: string, document: string) => Promise<void>,
  ): Promise<void> {
    const small = join(lab.folder, "small");
    mkdirSync(small, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", small]);
    try {
      const memory = `snapshot='external' file='${small}/s.mem'`;
      await work(small, lab.document("s", { mode: "external", memory }));
    } finally {
      execFileSync("umount", [small]);
    }
    await expectUntouched();
  }

  it("begins nothing where there is no room for the memory", () =>
    onSmall("4m", async (small, document) => {
      const error = await expectError(lab.service.create("guest", document, {}), "no-space");
      expect(error.effect).to.equal("none");
      expect(readdirSync(small)).to.deep.equal([]);
    }));

  it("rolls back where others take the room for the memory meanwhile", () =>
    onSmall("1g", async (small, document) => {
      const filler = join(small, "filler");
      const onProgress = ({ type }: ProgressEvent) => {
        if (type !== "operation-started" || existsSync(filler)) return;
        spawnSync("dd", ["if=/dev/zero", `of=${filler}`, "bs=1M"], { stdio: "ignore" });
        truncateSync(filler, statSync(filler).size - FOUR_MIB);
      };
      const create = lab.service.create("guest", document, {}, { onProgress });
      expect((await expectError(create, "no-space")).effect).to.equal("rolled-back");
      expect(readdirSync(small)).to.deep.equal(["filler"]);
    }));

  it("rolls back when it is cancelled while the memory is written", async () => {
    const abort = new AbortController();
    const error = await expectError(
      lab.service.create(
        "guest",
        documents.files(),
        {},
        {
          signal: abort.signal,
          onProgress: (event) => {
            if (event.type === "operation-progress" && event.bytesDone > 0) abort.abort();
          },
        },
      ),
      "cancelled",
    );
    expect(error.effect).to.equal("rolled-back");
    await expectUntouched();
  });

  for (const [type, kind] of [
    ["operation-finished", "domain.prepare-capture"],
    ["operation-progress", "domain.capture"],
    ["operation-finished", "domain.capture"],
    ["operation-finished", "domain.define"],
  ] as const)
    it(`rolls back what a killed domsnap left: ${type} of ${kind}`, async () => {
      const args = [lab.uri, "create", "s", documents.files(), type, kind];
      const { signal } = spawnSync(process.execPath, [child, ...args]);
      expect(signal).to.equal("SIGKILL");
      await sleep(100);
      await expectUntouched();
    });

  it("goes on with a merge that a killed domsnap left", async () => {
    const document = lab.document("s", { mode: "external" });
    await lab.service.create("guest", document, { diskOnly: true });
    await lab.steps(2);
    const args = [lab.uri, "delete", "s", "", "operation-progress", "domain.merge"];
    const { signal } = spawnSync(process.execPath, [child, ...args]);
    expect(signal).to.equal("SIGKILL");
    await expectUntouched();
  });

  for (const kind of ["files", "images"] as const)
    it(`carries through or gives up a revert to ${kind} that a killed domsnap left at any step`, async () => {
      await lab.service.create("guest", documents[kind](), {});
      const dry = await lab.service.revert("guest", "s", {}, { dryRun: true });
      const kinds = dry.plans.flatMap(operationsOf).map(({ kind }) => kind);
      expect(kinds).to.include.members(["disks.stage", "domain.stop", "domain.start"]);
      for (const step of new Set(kinds)) {
        const args = [lab.uri, "revert", "s", "", "operation-finished", step];
        const { signal } = spawnSync(process.execPath, [child, ...args]);
        expect(signal, step).to.equal("SIGKILL");
        const { heads } = await lab.service.list("guest");
        expect(
          heads.map(({ name }) => name),
          step,
        ).to.deep.equal(["s"]);
        expect(await lab.service.locks(), step).to.deep.equal([]);
        expect((await lab.find()).state, step).to.equal("running");
        await lab.steps(2);
        expect(lab.console.torn, step).to.deep.equal([]);
      }
    });
});

describe("a guest that starts", function () {
  let lab: LiveLab;
  beforeEach(async () => {
    lab = await LiveLab.open({ disks: 1 });
  });
  afterEach(() => lab.close());

  it("does so where a domsnap that was killed had just begun to start it", async () => {
    const { stored, run } = lab.guest;
    const { program, args } = formatCommandLine(stored, run);
    await lab.guest.start({ paused: true });
    for (const headStartMs of [0, 5, 20, 60]) {
      await lab.guest.stop();
      const begun = spawn(program, args, { cwd: run.path, stdio: "ignore" });
      await sleep(headStartMs);
      await lab.guest.start({ paused: false });
      if (begun.exitCode === null) await once(begun, "exit");
      expect((await lab.find()).state).to.equal("running");
    }
    await lab.console.waitForTick(1);
  });
});
