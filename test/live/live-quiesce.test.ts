import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { expect } from "chai";
import { string } from "valibot";

import { patience } from "../../scripts/test-run/patience.cjs";
import type { DomsnapError } from "../../src/core/errors/index.js";
import { AgentClient } from "../../src/clients/guest-agent/index.js";
import { expectError } from "../../src/testing/index.js";
import { AGENT_CHANNEL } from "../support/tiny-guest/tiny-guest.js";
import { fakeAgent, type AgentScript, type FakeAgent } from "./support/fake-agent.js";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { journalNeedsRecovery, LiveLab } from "./support/live-lab.js";

const child = fileURLToPath(new URL("support/dying-child.mjs", import.meta.url));

const QUIESCE = { diskOnly: true, quiesce: true };

describe("file systems that the guest's agent freezes", function () {
  this.timeout(patience(180_000));
  let lab: LiveLab;
  before(ensureBuilt);

  /** Waits for some writes from now on: the file system is not frozen. */
  const writes = () => lab.console.waitForData(lab.console.data + 3);
  const status = async () => {
    const agent = await AgentClient.connect(lab.guest.run.agent, {
      syncTimeoutMs: patience(60_000),
    });
    try {
      return await agent.execute("guest-fsfreeze-status", string(), {
        timeoutMs: patience(60_000),
      });
    } finally {
      agent.close();
    }
  };
  const dataDisk = async () => {
    const { definition } = await lab.find();
    const disk = definition.disks.find(({ target }) => target === lab.dataTarget);
    return { path: disk?.source?.path ?? "", format: disk?.format ?? "raw" };
  };

  describe("by QEMU's real agent", () => {
    beforeEach(async () => {
      lab = await LiveLab.open({ disks: 2, fileSystem: true });
      await lab.wake();
      await writes();
      expect(await status()).to.equal("thawed");
    });
    afterEach(() => lab.close());

    it("are settled at the instant of the snapshot, and go on", async () => {
      const before = await dataDisk();
      const document = lab.document("plain", { mode: "external" });
      const plain = await lab.service.create("guest", document, { diskOnly: true });
      expect(plain.measures?.consistency).to.equal("crash-consistent");
      expect(journalNeedsRecovery(before), "not frozen").to.equal(true);
      await writes();
      const overlay = await dataDisk();
      const quiet = lab.document("quiet", { mode: "external" });
      const { measures, plans, warnings } = await lab.service.create("guest", quiet, QUIESCE);
      expect(warnings).to.deep.equal([]);
      expect(measures).to.include({ downtimeMs: 0, consistency: "filesystem" });
      expect(measures?.frozenMs).to.be.greaterThan(0);
      expect(plans[0]?.before.map(({ kind }) => kind).slice(0, 4)).to.deep.equal([
        "domain.prepare-capture",
        "domain.quiesce",
        "domain.capture",
        "domain.thaw",
      ]);
      expect(journalNeedsRecovery(overlay), "frozen").to.equal(false);
      expect(await status()).to.equal("thawed");
      await writes();
      expect(existsSync(lab.guest.run.frozen)).to.equal(false);
      // The level is kept with the record, and no document that libvirt reads has it.
      const { heads } = await lab.service.list("guest");
      expect(heads.map(({ name, consistency }) => [name, consistency])).to.deep.equal([
        ["plain", "crash-consistent"],
        ["quiet", "filesystem"],
      ]);
      expect(await lab.service.getXml("guest", "quiet")).not.to.match(/onsistency|filesystem/);
      // What it takes to merge and to give up is the same as for every other snapshot.
      await lab.service.delete("guest", "plain", {});
      await writes();
    });

    /** Kills domsnap, and perhaps its guardian, while the file systems are frozen. */
    const dieAt = (kind: string, who: "guardian" | "alone") => {
      const document = lab.document("s", { mode: "external" });
      const flags = JSON.stringify(QUIESCE);
      const args = [lab.uri, "create", "s", document, "operation-finished", kind, flags, who];
      const { signal } = spawnSync(process.execPath, [child, ...args]);
      expect(signal).to.equal("SIGKILL");
    };

    it("are thawed within two seconds when domsnap was killed", async () => {
      for (const kind of ["domain.quiesce", "domain.capture"]) {
        dieAt(kind, "alone");
        const diedMs = performance.now();
        while ((await status()) === "frozen") await sleep(20);
        expect(performance.now() - diedMs, kind).to.be.below(patience(2000));
        await writes();
        expect((await lab.service.list("guest")).heads).to.deep.equal([]);
        expect(existsSync(lab.guest.run.frozen)).to.equal(false);
      }
    });

    it("are thawed by the next command when domsnap and its guardian were killed", async () => {
      for (const kind of ["domain.quiesce", "domain.capture"]) {
        dieAt(kind, "guardian");
        expect(await status(), kind).to.equal("frozen");
        expect((await lab.service.list("guest")).heads).to.deep.equal([]);
        expect(await status(), kind).to.equal("thawed");
        await writes();
      }
    });

    it("are thawed when the snapshot fails or is cancelled", async () => {
      const abort = new AbortController();
      const document = lab.document("s", { mode: "external" });
      const error = await expectError(
        lab.service.create("guest", document, QUIESCE, {
          signal: abort.signal,
          onProgress: (event) => {
            if (event.type === "operation-finished" && event.kind === "domain.quiesce")
              abort.abort();
          },
        }),
        "cancelled",
      );
      expect(error.effect).to.equal("rolled-back");
      expect(await status()).to.equal("thawed");
      await writes();
    });

    it("cannot be frozen while the guest is paused", async () => {
      await lab.guest.pause();
      const document = lab.document("s", { mode: "external" });
      await expectError(lab.service.create("guest", document, QUIESCE), "operation-invalid");
      const { warnings, measures } = await lab.service.create(
        ...(["guest", document, { diskOnly: true }, { quiesce: "try" }] as const),
      );
      expect(warnings).to.deep.equal([
        "the guest's file systems were not frozen: the guest is paused",
      ]);
      expect(measures?.consistency).to.equal("crash-consistent");
    });
  });

  describe("by an agent that fails", () => {
    let agent: FakeAgent | undefined;

    beforeEach(async () => {
      lab = await LiveLab.open({ disks: 1, devices: AGENT_CHANNEL });
      await lab.wake();
    });
    afterEach(async () => {
      await agent?.close();
      agent = undefined;
      await lab.close();
    });

    const replaceAgent = async (script: AgentScript) => {
      await agent?.close();
      agent = await fakeAgent(lab.guest.run.agent, script);
      return agent;
    };
    const create = (options: { readonly quiesce?: "try" } = {}) =>
      lab.service.create(
        "guest",
        lab.document("s", { mode: "external" }),
        options.quiesce ? { diskOnly: true } : QUIESCE,
        options,
      );
    const expectUntouched = async () => {
      expect((await lab.service.list("guest")).heads).to.deep.equal([]);
      expect((await lab.find()).definition.disks[0]?.source?.path).to.equal(lab.disks[0]?.path);
      expect(existsSync(lab.guest.run.frozen)).to.equal(false);
      await lab.steps(2);
    };

    const HARMLESS: Readonly<Record<string, [AgentScript, DomsnapError["code"], string]>> = {
      "says nothing": [{}, "agent-unresponsive", "no answer to 'guest-sync-delimited'"],
      "sends garbage without end": [
        { sync: "x".repeat(100_000) },
        "agent-unresponsive",
        "a line of more than",
      ],
      "hangs up": [{ sync: "hang up" }, "agent-unresponsive", "was closed"],
      "knows no freeze": [
        { status: "thawed", freeze: { error: { desc: "disabled" } } },
        "agent-failed",
        "unable to execute QEMU agent command 'guest-fsfreeze-freeze': disabled",
      ],
      "has nothing to freeze": [
        { status: "thawed", freeze: 0, thaw: 0 },
        "agent-failed",
        "no file system that can be frozen",
      ],
      "was told to freeze by somebody else": [
        { status: "frozen" },
        "agent-failed",
        "frozen already",
      ],
    };
    for (const [what, [script, code, words]] of Object.entries(HARMLESS))
      it(`rolls back when it ${what}`, async () => {
        await replaceAgent(script);
        const error = await expectError(create(), code);
        expect(error.message).to.include(words);
        expect(error.effect).to.equal("rolled-back");
        await expectUntouched();
      });

    it("understands it behind garbage, and takes the snapshot", async () => {
      const garbage = '{"return": 4}\n\n}}not json\n{"return":';
      const { commands } = await replaceAgent({
        ...{ garbage, status: "thawed", freeze: 1, thaw: 1 },
      });
      expect((await create()).measures?.consistency).to.equal("filesystem");
      expect(commands.filter((name) => /freeze|thaw/.test(name))).to.deep.equal([
        ...["guest-fsfreeze-status", "guest-fsfreeze-freeze", "guest-fsfreeze-status"],
        ...["guest-fsfreeze-thaw", "guest-fsfreeze-status"],
      ]);
    });

    it("keeps what is to be thawed when it dies in between, and thaws when it is back", async () => {
      const dead = await replaceAgent({ status: "thawed", freeze: 1, diesAfterFreeze: true });
      const error = await expectError(create(), "unfinished");
      expect(error.message).to.include("the guest's file systems could not be thawed");
      expect(error.hint).to.include("Start the agent in the guest again");
      expect(dead.commands.filter((name) => name.includes("fsfreeze")).at(-1)).to.equal(
        "guest-fsfreeze-freeze",
      );
      const alive = await replaceAgent({ status: "frozen", thaw: 1 });
      await expectUntouched();
      expect(alive.commands).to.include("guest-fsfreeze-thaw");
    });

    it("is believed only when it says that all is thawed", async () => {
      await replaceAgent({ status: "thawed", freeze: 1, thaw: 0, staysFrozen: true });
      const error = await expectError(create(), "unfinished");
      expect(error.message).to.include("still frozen");
      // A guest that is started anew has nothing frozen.
      await agent?.close();
      agent = undefined;
      await lab.guest.stop();
      expect((await lab.service.list("guest")).heads).to.deep.equal([]);
      await lab.boot(1);
      await expectUntouched();
    });

    it("is done without where it was only asked to try", async () => {
      await replaceAgent({ status: "thawed", freeze: { error: { desc: "disabled" } } });
      const { warnings, measures, snapshot } = await create({ quiesce: "try" });
      expect(warnings.join()).to.include("the guest's file systems were not frozen: ");
      expect(measures?.consistency).to.equal("crash-consistent");
      expect(snapshot.consistency).to.equal("crash-consistent");
      await lab.steps(2);
    });
  });
});
