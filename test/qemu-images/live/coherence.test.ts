import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { patience } from "../../../scripts/test-run/patience.cjs";
import { DefinitionFolder } from "../../../src/plugin-kit/definition-folder.js";
import {
  attachOverlay,
  endMigration,
  openMemorySink,
  prepareMigration,
  queryBlockGraph,
  runTransaction,
  startMigration,
  waitForMigration,
  type QmpClient,
} from "../../../src/clients/qmp/index.js";
import { findLiveDisks, type LiveDisk } from "../../../src/qemu-images/live/find-live-disks.js";
import { describeOverlayNode, freeNodeName } from "../../../src/qemu-images/live/overlay-node.js";
import { QemuToolstack } from "../../../src/plugins/toolstack-qemu/qemu-toolstack.js";
import {
  readStamp,
  TinyConsole,
  tinyGuestXml,
  type TinyDisk,
} from "../../support/tiny-guest/tiny-guest.js";
import { makeFolder } from "../../plugins/support/state-folder.js";

const TARGETS = ["vda", "vdb", "vdc", "vdd"];

/** What QEMU alone can do, put together by hand: the floor that our snapshots are measured by. */
describe("memory and disks of a running guest at one instant, by bare QMP", () => {
  let folder: string;
  let toolstack: QemuToolstack;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ path: folder, dispose } = await makeFolder());
    toolstack = new QemuToolstack("qemu+dir:", folder, new DefinitionFolder(folder));
  });
  afterEach(async () => {
    await toolstack.findGuest("guest").stop();
    await dispose();
  });

  const qcow2 = (name: string, base?: string): TinyDisk => {
    const path = join(folder, name);
    const backing = base === undefined ? [] : ["-b", base, "-F", "qcow2"];
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, path, "16M"]);
    return { path, format: "qcow2" };
  };
  const define = (disks: readonly TinyDisk[]) => {
    writeFileSync(join(folder, "guest.xml"), tinyGuestXml({ disks }));
    return toolstack.findGuest("guest");
  };

  const prepareOverlay = async (client: QmpClient, disk: LiveDisk, name: string) => {
    const file = qcow2(`${disk.target}.overlay`, disk.node.path);
    await client.execute("blockdev-add", { ...describeOverlayNode(disk, file, name) });
    return attachOverlay(disk.node.name, name);
  };

  for (const background of [true, false])
    it(`is kept ${background ? "in the background" : "at the end of a migration"}`, async function () {
      const disks = TARGETS.map((target) => qcow2(target));
      const guest = define(disks);
      await guest.start({ paused: false });
      const console = new TinyConsole(guest.run.console);
      await console.waitForTick(2);
      const memoryFile = join(folder, "memory");
      writeFileSync(memoryFile, "");
      const sink = await openMemorySink(memoryFile, join(guest.run.path, "memory"));

      await guest.withMonitor(async (client) => {
        const graph = await queryBlockGraph(client);
        const wanted = disks.map((image, index) => ({ target: TARGETS[index] ?? "", image }));
        const live = findLiveDisks(graph, wanted, (path) => path);
        const actions = await Promise.all(
          live.map((disk) => prepareOverlay(client, disk, freeNodeName(disk.target, graph))),
        );
        expect(await prepareMigration(client, { background })).to.equal(true);
        const resumed = client.once("RESUME", { timeoutMs: patience(20_000) });
        if (background) {
          const stopped = client.execute("stop");
          const attached = runTransaction(client, actions);
          await Promise.all([stopped, attached, startMigration(client, sink.uri)]);
          await waitForMigration(client);
        } else {
          await startMigration(client, sink.uri);
          await waitForMigration(client);
          await Promise.all([runTransaction(client, actions), client.execute("cont")]);
        }
        await resumed;
        await endMigration(client);
      });
      await sink.finish();
      await sink.close();

      await console.waitForTick(console.ticks + 3);
      expect(console.torn).to.deep.equal([]);
      await guest.stop();

      // At one instant the stamps fall by one at most along the disks; see init.sh.
      const stamps = disks.map(readStamp);
      expect(stamps).to.deep.equal(stamps.toSorted((a, b) => b - a));
      expect((stamps[0] ?? 0) - (stamps.at(-1) ?? 0)).to.be.at.most(1);

      for (const target of TARGETS) rmSync(join(folder, `${target}.overlay`));
      const reverted = define(disks.map(({ path }) => qcow2(`${path.slice(-3)}.overlay`, path)));
      await reverted.start({ paused: false, memoryFile });
      await console.waitForTick(1);
      const first = Number(/tick (\d+)/.exec(console.text)?.[1]);
      expect(first).to.be.within(stamps[0] ?? 0, (stamps[0] ?? 0) + 1);
      await console.waitForTick(first + 3);
      // The guest itself compares all disks with its memory at every step.
      expect(console.torn).to.deep.equal([]);
      expect(console.found).to.equal(undefined);
    });
});
