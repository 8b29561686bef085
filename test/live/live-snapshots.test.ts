import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { queryBlockGraph } from "../../src/clients/qmp/index.js";
import { expectError } from "../../src/testing/index.js";
import type { TinyDisk } from "../support/tiny-guest/tiny-guest.js";
import { isOneInstant, LiveLab, type LabOptions } from "./support/live-lab.js";

describe("snapshots of a running guest", function () {
  this.timeout(patience(120_000));
  let lab: LiveLab;
  afterEach(() => lab.close());

  const open = async (options: LabOptions) => {
    lab = await LiveLab.open(options);
    await lab.wake();
  };

  const create = async (name: string, how: Parameters<LiveLab["document"]>[1] = {}) => {
    const result = await lab.service.create("guest", lab.document(name, how), {});
    return result.measures ?? {};
  };
  const createDiskOnly = async (name: string) => {
    const document = lab.document(name, { mode: "external" });
    const result = await lab.service.create("guest", document, { diskOnly: true });
    return { ...result, measures: result.measures ?? {} };
  };
  const externalMemory = (name: string) => ({
    mode: "external",
    memory: `snapshot='external' file='${lab.memoryFile(name)}'`,
  });

  /** The guest went on at the step that the snapshot was taken at, and did not boot. */
  const expectBackAt = async (ticks: number) => {
    await lab.console.waitForTick(1);
    const first = Number(/tick (\d+)/.exec(lab.console.text)?.[1]);
    expect(first).to.be.within(ticks, ticks + 2);
    expect(lab.console.found).to.equal(undefined);
    await lab.expectHealthy();
  };

  const nodeNames = () =>
    lab.guest.withMonitor(async (client) =>
      (await queryBlockGraph(client)).nodes.map(({ name }) => name),
    );

  // One disk goes through the command line; see live-cli.test.ts.
  it("keeps memory and 4 disks inside the images, goes back, and drops them", async () => {
    await open({ disks: 4 });
    const before = lab.console.ticks;
    const measures = await create("s");
    const after = lab.console.ticks;
    expect(measures.consistency).to.equal("memory");
    expect(measures.downtimeMs).to.be.within(1, patience(20_000));
    expect(measures.bytesWritten).to.be.greaterThan(1024 * 1024);
    await lab.expectHealthy();
    await lab.service.revert("guest", "s", {});
    await lab.console.waitForTick(1);
    const first = Number(/tick (\d+)/.exec(lab.console.text)?.[1]);
    expect(first).to.be.within(before, after + 2);
    expect(lab.console.found).to.equal(undefined);
    await lab.expectHealthy();
    await lab.service.delete("guest", "s", {});
    await lab.expectHealthy();
    await lab.guest.stop();
    for (const { path } of lab.disks)
      expect(execFileSync("qemu-img", ["snapshot", "-l", path]).toString()).to.equal("");
  });

  for (const disks of [4, 16])
    it(`keeps memory and ${disks} disks in files at one instant, and goes back`, async () => {
      await open({ disks });
      const measures = await create("s", externalMemory("s"));
      expect(measures.consistency).to.equal("memory");
      expect(measures.downtimeMs).to.be.greaterThan(0);
      const memory = statSync(lab.memoryFile("s"));
      expect(measures.bytesWritten).to.equal(memory.size);
      expect(memory.mode & 0o777).to.equal(0o600);
      await lab.expectHealthy();
      const stamps = lab.stamps();
      expect(isOneInstant(stamps), stamps.join(" ")).to.equal(true);
      expect(lab.console.ticks).to.be.greaterThan(stamps[0] ?? 0);
      await lab.service.revert("guest", "s", {});
      await expectBackAt(stamps[0] ?? 0);
      if (disks > 4) return;
      // A second time, from a guest that has gone on differently.
      await lab.service.revert("guest", "s", { paused: true });
      expect((await lab.find()).state).to.equal("paused");
      await lab.guest.resume();
      await expectBackAt(stamps[0] ?? 0);
    });

  it("neither goes back to nor removes something else under the name of the memory", async () => {
    await open({ disks: 1 });
    await create("s", externalMemory("s"));
    const file = lab.memoryFile("s");
    for (const [content, refusal] of [
      ["LibvirtQemudSave, and QEMU's stream behind a document", "config-unsupported"],
      ["precious", "memory-foreign"],
    ] as const) {
      writeFileSync(file, content);
      await expectError(lab.service.revert("guest", "s", {}), refusal);
      await lab.steps(1);
      await lab.expectHealthy();
    }
    const { message, hint } = await expectError(
      lab.service.delete("guest", "s", {}, { trustFolders: [lab.folder] }),
      "memory-foreign",
    );
    expect(message).to.include("looks like a text file");
    expect(hint).to.include("--metadata");
    await lab.service.delete("guest", "s", { metadataOnly: true });
    expect(readFileSync(file, "utf8")).to.equal("precious");
    await lab.expectHealthy();
  });

  it("freezes disks alone, and merges them back under the guest's feet", async () => {
    await open({ disks: 4 });
    for (const name of ["a", "b", "c"]) {
      const { measures, warnings } = await createDiskOnly(name);
      expect(measures).to.deep.equal({
        downtimeMs: 0,
        bytesWritten: 0,
        consistency: "crash-consistent",
      });
      expect(warnings).to.deep.equal([]);
      await lab.steps(1);
    }
    expect(isOneInstant(lab.stamps())).to.equal(true);
    const overlays = await lab.presentImages();
    expect(overlays.every((path) => path.endsWith(".c"))).to.equal(true);
    for (const path of overlays) expect(statSync(path).mode & 0o777).to.equal(0o600);
    // In the middle of the chain, at its bottom, at its top.
    for (const name of ["b", "a", "c"]) {
      const document = await lab.service.delete("guest", name, {});
      expect(document.warnings).to.deep.equal([]);
      await lab.expectHealthy();
    }
    expect(await lab.presentImages()).to.deep.equal(lab.disks.map(({ path }) => path));
    for (const path of overlays) expect(existsSync(path), path).to.equal(false);
    expect((await nodeNames()).filter((name) => name.startsWith("domsnap"))).to.deep.equal([]);
    await lab.guest.stop();
    expect(lab.stamps()[0]).to.be.within(lab.console.ticks, lab.console.ticks + 1);
    for (const { path } of lab.disks) execFileSync("qemu-img", ["check", "-q", path]);
    // And once more from a cold start, on the merged images.
    await lab.boot(1);
    expect(lab.console.found).to.match(/^vda=\d+ vdb=\d+ vdc=\d+ vdd=\d+$/);
  });

  it("goes back to frozen disks: off, and running when asked", async () => {
    await open({ disks: 2 });
    await createDiskOnly("s");
    await lab.steps();
    await lab.service.revert("guest", "s", {});
    expect((await lab.find()).state).to.equal("shutoff");
    const stamps = lab.stamps();
    await lab.service.revert("guest", "s", { running: true });
    await lab.console.waitForTick(1);
    expect(lab.console.found).to.equal(`vda=${stamps[0]} vdb=${stamps[1]}`);
    await lab.service.revert("guest", "s", { paused: true });
    expect((await lab.find()).state).to.equal("paused");
  });

  for (const how of ["inside the images", "in files"] as const)
    it(`keeps the present state ${how} before it goes back, and comes back to it`, async () => {
      await open({ disks: 2 });
      await create("s", how === "in files" ? externalMemory("s") : {});
      await lab.steps(5);
      const before = lab.console.ticks;
      const {
        kept = "",
        measures,
        plans,
      } = await lab.service.revert(...(["guest", "s", {}] as const), { keepCurrent: true });
      expect(plans.map(({ verb }) => verb)).to.deep.equal(["create", "revert"]);
      expect(measures?.consistency).to.equal("memory");
      expect(measures?.downtimeMs).to.be.greaterThan(0);
      await lab.expectHealthy();
      const record = await lab.service.get("guest", kept);
      expect(record).to.include({ state: "running", parent: "s", consistency: "memory" });
      expect(record.memory?.mode).to.equal(how === "in files" ? "external" : "internal");
      await lab.service.revert("guest", kept, {});
      await lab.console.waitForTick(1);
      // It goes on where it was left, not where it had gone back to.
      expect(Number(/tick (\d+)/.exec(lab.console.text)?.[1])).to.be.at.least(before);
      await lab.expectHealthy();
    });

  it("carries chains of 30 overlays: list, revert, delete from the middle", async () => {
    await open({ disks: 1 });
    const names = Array.from({ length: 30 }, (_, index) => `s${String(index).padStart(2, "0")}`);
    const stamps = new Map<string, number>();
    for (const name of names) {
      const base = (await lab.find()).definition.disks[0];
      await createDiskOnly(name);
      const frozen = { path: base?.source?.path ?? "", format: base?.format ?? "raw" } as const;
      stamps.set(name, lab.stamps([frozen])[0] ?? -1);
    }
    const tree = await lab.service.list("guest");
    expect(tree.heads.map(({ name }) => name)).to.deep.equal(names);
    await lab.expectHealthy();
    for (const name of ["s14", "s15", "s00", "s29"]) {
      await lab.service.delete("guest", name, {});
      await lab.expectHealthy();
    }
    for (const name of ["s20", "s01", "s28"]) {
      await lab.service.revert("guest", name, { running: true });
      await lab.console.waitForTick(1);
      expect(lab.console.found, name).to.equal(`vda=${stamps.get(name)}`);
      await lab.expectHealthy();
    }
    expect((await lab.service.list("guest")).heads).to.have.length(26);
  });

  it("removes the memory with its snapshot, and leaves the guest alone", async () => {
    await open({ disks: 1 });
    await create("s", externalMemory("s"));
    await lab.service.delete("guest", "s", {});
    expect(existsSync(lab.memoryFile("s"))).to.equal(false);
    expect(await lab.presentImages()).to.deep.equal([lab.disks[0]?.path]);
    await lab.expectHealthy();
  });

  it("leaves a paused guest paused", async () => {
    await open({ disks: 2 });
    await lab.guest.pause();
    const { ticks } = lab.console;
    await create("files", externalMemory("files"));
    expect((await lab.find()).state).to.equal("paused");
    expect(lab.console.ticks).to.equal(ticks);
    await lab.service.revert("guest", "files", {});
    expect((await lab.find()).state).to.equal("paused");
    await lab.guest.resume();
    await lab.console.waitForTick(ticks + 1);
    await lab.expectHealthy();
  });

  it("copies raw disks while the guest is paused, at the instant of the others", async () => {
    await open({ disks: 3, formats: ["qcow2", "raw", "raw"] });
    const copies: TinyDisk[] = [1, 2].map((at) => ({
      path: `${lab.folder}/copy${at}`,
      format: "raw",
    }));
    const disk = (target: string, file: string) =>
      `<disk name='${target}' snapshot='external'><driver type='raw'/><source file='${file}'/></disk>`;
    const document =
      "<domainsnapshot><name>s</name><disks><disk name='vda' snapshot='external'/>" +
      `${copies.map(({ path }, at) => disk(lab.targets[at + 1] ?? "", path)).join("")}</disks></domainsnapshot>`;
    const result = await lab.service.create("guest", document, { diskOnly: true });
    expect(result.warnings.join()).to.include("the guest is paused");
    expect(result.measures?.downtimeMs).to.be.greaterThan(0);
    await lab.expectHealthy();
    const stamps = lab.stamps([...lab.disks.slice(0, 1), ...copies]);
    expect(isOneInstant(stamps), stamps.join(" ")).to.equal(true);
  });

  it("puts qcow2 overlays on raw disks", async () => {
    await open({ disks: 2, formats: ["raw", "raw"] });
    const disk = (target: string) =>
      `<disk name='${target}' snapshot='external'><driver type='qcow2'/></disk>`;
    const document = `<domainsnapshot><name>s</name><disks>${lab.targets.map(disk).join("")}</disks></domainsnapshot>`;
    await lab.service.create("guest", document, { diskOnly: true });
    expect(isOneInstant(lab.stamps())).to.equal(true);
    await lab.expectHealthy();
    await lab.service.delete("guest", "s", {});
    expect(await lab.presentImages()).to.deep.equal(lab.disks.map(({ path }) => path));
    await lab.expectHealthy();
  });

  it("refuses what it cannot do, and changes nothing", async () => {
    await open({ disks: 1 });
    const before = await nodeNames();
    const refused = (document: string, flags: object) =>
      lab.service.create("guest", document, flags);
    const external = lab.document("s", { mode: "external" });
    const quiesce = await expectError(
      refused(external, { diskOnly: true, quiesce: true }),
      "argument-unsupported",
    );
    expect(quiesce.message).to.equal("argument unsupported: QEMU guest agent is not configured");
    writeFileSync(lab.memoryFile("s"), "precious");
    await expectError(refused(lab.document("s", externalMemory("s")), {}), "image-conflict");
    const reused = `${lab.folder}/vda.s`;
    writeFileSync(reused, "precious");
    await expectError(
      refused(external, { diskOnly: true, reuseExternal: true }),
      "disk-unsupported",
    );
    expect(await nodeNames()).to.deep.equal(before);
    expect((await lab.service.list("guest")).heads).to.deep.equal([]);
    await lab.expectHealthy();
  });
});
