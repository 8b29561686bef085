import "reflect-metadata";

import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { expect } from "chai";
import { Container } from "inversify";

import { patience } from "../../../scripts/test-run/patience.cjs";
import type { ErrorCode } from "../../../src/core/errors/index.js";
import type { Domain } from "../../../src/core/model/index.js";
import {
  ConnectionProvider,
  SnapshotDocuments,
  type Connection,
  type DomainPower,
} from "../../../src/core/ports/index.js";
import {
  attachOverlay,
  QmpClient,
  runTransaction,
  type QmpEvent,
} from "../../../src/clients/qmp/index.js";
import { storeFileModule } from "../../../src/plugins/store-file/index.js";
import { endGuest } from "../../../src/plugins/toolstack-qemu/guest-process.js";
import { queryGuest } from "../../../src/plugins/toolstack-qemu/guest-state.js";
import { toolstackQemuModule } from "../../../src/plugins/toolstack-qemu/index.js";
import type { QemuToolstack } from "../../../src/plugins/toolstack-qemu/qemu-toolstack.js";
import {
  describeToolstack,
  expectError,
  tableRunner,
  TestEvidence,
} from "../../../src/testing/index.js";
import { libvirtDocuments } from "../../../src/xml/index.js";
import {
  readStamp,
  TinyConsole,
  tinyGuestXml,
  type TinyDisk,
  type TinyGuestOptions,
} from "../../support/tiny-guest/tiny-guest.js";
import { makeFolder } from "../support/state-folder.js";

function provider(): ConnectionProvider {
  const container = new Container();
  container.bind(SnapshotDocuments).toConstantValue(libvirtDocuments);
  container.load(storeFileModule, toolstackQemuModule);
  return container.get<ConnectionProvider>(ConnectionProvider);
}

function uriOf(folder: string): string {
  return pathToFileURL(folder).href.replace(/^file:/, "qemu+dir:");
}

/** A folder with a guest of two disks, and what ends everything in it. */
async function makeGuestFolder(options: Partial<TinyGuestOptions> = {}) {
  const { path: folder, dispose } = await makeFolder();
  const disks: TinyDisk[] = [
    { path: join(folder, "a.qcow2"), format: "qcow2" },
    { path: join(folder, "b.raw"), format: "raw" },
  ];
  for (const { path, format } of disks)
    execFileSync("qemu-img", ["create", "-q", "-f", format, path, "16M"]);
  const name = options.name ?? "guest";
  const definition = tinyGuestXml({ disks, ...options });
  writeFileSync(join(folder, `${name}.xml`), definition);
  const connection = await provider().open(uriOf(folder));
  const run = join(folder, "run", name);
  return {
    ...{ folder, disks, definition, connection, run },
    console: new TinyConsole(join(run, "console.log")),
    dispose: async () => {
      for (const { id } of await connection.toolstack.listDomains())
        if (id !== undefined) process.kill(id, "SIGKILL");
      await dispose();
    },
  };
}

for (const online of [false, true])
  describeToolstack(`toolstack-qemu${online ? ", with its guest running," : ""}`, {
    runsDomains: true,
    async open() {
      const { connection, dispose } = await makeGuestFolder();
      const { toolstack } = connection;
      const { uuid } = await toolstack.findDomain("guest");
      if (online) await toolstack.power?.start(uuid, { paused: false });
      return { toolstack, domain: "guest", dispose };
    },
  });

type World = Awaited<ReturnType<typeof makeGuestFolder>>;

describe("toolstack-qemu", () => {
  let world: World;
  let others: World[];
  let connection: Connection;
  let power: DomainPower;

  beforeEach(async () => {
    world = await makeGuestFolder();
    others = [];
    ({ connection } = world);
    if (!connection.toolstack.power) throw new Error("no power");
    ({ power } = connection.toolstack);
  });
  afterEach(() => Promise.all([world, ...others].map(({ dispose }) => dispose())));

  /** Another folder with a guest; `start` tries to start it, paused. */
  const makeOther = async (options: Partial<TinyGuestOptions>) => {
    const other = await makeGuestFolder(options);
    others.push(other);
    const { toolstack } = other.connection;
    const { name, uuid } = await toolstack.findDomain(options.name ?? "guest");
    const startOther = async () => {
      await toolstack.power?.start(uuid, { paused: true });
      return toolstack.findDomain(name);
    };
    return { start: startOther };
  };

  const find = (): Promise<Domain> => connection.toolstack.findDomain("guest");
  const start = async (paused = false): Promise<Domain> => {
    await power.start((await find()).uuid, { paused });
    return find();
  };

  describe("a real guest", () => {
    it("boots, counts on all disks, pauses, goes on, and stops", async function () {
      const { uuid } = await start();
      await world.console.waitForTick(3);
      expect(world.console.found).to.equal("vda=- vdb=-");
      await power.suspend(uuid);
      const paused = world.console.ticks;
      await sleep(500);
      expect(world.console.ticks).to.equal(paused);
      expect((await find()).state).to.equal("paused");
      await power.resume(uuid);
      await world.console.waitForTick(paused + 3);
      await power.destroy(uuid, { graceful: false });
      const stamps = world.disks.map(readStamp);
      expect(stamps[0]).to.be.within(world.console.ticks, world.console.ticks + 1);
      expect(stamps[1]).to.be.within(world.console.ticks, stamps[0] ?? 0);
      expect(world.console.torn).to.deep.equal([]);
      // What was written is there at the next boot.
      await start();
      await world.console.waitForTick(1);
      expect(world.console.found).to.equal(`vda=${stamps[0]} vdb=${stamps[1]}`);
    });

    it("goes on from a memory file", async function () {
      const { uuid } = await start();
      await world.console.waitForTick(2);
      const memoryFile = join(world.folder, "memory");
      await saveMemory(memoryFile);
      const { ticks } = world.console;
      await power.destroy(uuid, { graceful: false });
      await guest().start({ paused: true, memoryFile });
      expect((await find()).state).to.equal("paused");
      expect(world.console.text).to.equal("");
      await power.resume(uuid);
      await world.console.waitForTick(ticks + 2);
      expect(world.console.text)
        .to.contain(`tick ${ticks + 1}`)
        .and.not.contain("found");
      expect(world.console.torn).to.deep.equal([]);
    });
  });

  const guest = () => (connection.toolstack as QemuToolstack).findGuest("guest");
  const monitorOf = (name: string) => QmpClient.connect(join(world.run, name));
  const saveMemory = (file: string) =>
    guest().withMonitor(async (client) => {
      await client.execute("stop");
      await client.execute("migrate-set-capabilities", {
        capabilities: [{ capability: "events", state: true }],
      });
      const isEnd = ({ name, data }: QmpEvent) =>
        name === "MIGRATION" && /completed|failed/.test(String(data["status"]));
      const end = client.once(isEnd, { timeoutMs: patience(10_000) });
      await client.execute("migrate", { uri: `exec:cat >${file}` });
      expect((await end).data).to.include({ status: "completed" });
    });

  it("keeps what belongs to a running guest from others, and outlives its starter", async () => {
    const { id } = await start(true);
    expect(statSync(world.run).mode & 0o777).to.equal(0o700);
    expect(statSync(join(world.folder, "run")).mode & 0o777).to.equal(0o700);
    expect(Number(readFileSync(join(world.run, "pid"), "utf8"))).to.equal(id);
    const parent = /^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${id}/status`, "utf8"))?.[1];
    expect(Number(parent)).to.not.equal(process.pid);
    const later = await provider().open(uriOf(world.folder));
    expect(await later.toolstack.findDomain("guest")).to.include({ id, state: "paused" });
  });

  it("knows its guests also by another way to the folder", async () => {
    const link = join(world.folder, "link");
    symlinkSync(world.folder, link);
    await start(true);
    const other = await provider().open(uriOf(link));
    expect((await other.toolstack.findDomain("guest")).state).to.equal("paused");
  });

  it("follows the images that QEMU has open", async () => {
    await start(true);
    const overlay = join(world.folder, "overlay.qcow2");
    const base = world.disks[0]?.path ?? "";
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay]);
    await guest().withMonitor(async (client) => {
      const file = { driver: "file", filename: overlay };
      const node = { driver: "qcow2", "node-name": "overlay", file, backing: null };
      await client.execute("blockdev-add", node);
      await runTransaction(client, [attachOverlay("vda-qcow2", "overlay")]);
    });
    const { definition, inactiveDefinition } = await find();
    expect(definition.disks.map(({ source }) => source?.path)).to.deep.equal([
      overlay,
      world.disks[1]?.path,
    ]);
    expect(inactiveDefinition?.disks[0]?.source?.path).to.equal(base);
  });

  it("gives QEMU disks on every bus, and finds them again", async () => {
    const targets = ["vdz", "hdb", "sdb", "sdc"];
    const disk = (target: string, bus: string, more = "") => {
      const path = join(world.folder, target);
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "16M"]);
      return `<disk type='file'><driver type='qcow2' cache='none'/><source file='${path}'/>
        <target dev='${target}' bus='${bus}'/>${more}</disk>`;
    };
    const devices = `${disk("vdz", "virtio", "<readonly/>")}${disk("hdb", "ide")}
      ${disk("sdb", "scsi", "<shareable/>")}${disk("sdc", "sata")}
      <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>
      <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>`;
    await connection.toolstack.registry?.define(tinyGuestXml({ disks: world.disks, devices }));
    await start(true);
    const { images } = await guest().withMonitor(queryGuest);
    expect([...images.keys()]).to.have.members(["vda", "vdb", ...targets]);
    for (const target of targets)
      expect(images.get(target)).to.deep.equal({
        path: join(world.folder, target),
        driver: "qcow2",
      });
    expect(existsSync(join(world.run, "agent"))).to.equal(true);
  });

  it("takes a new definition for the next start", async () => {
    const { inactiveDefinition, definition } = await start(true);
    expect(inactiveDefinition).to.deep.equal(definition);
    const grown = world.definition.replace(">96<", ">128<");
    const changed = await connection.toolstack.registry?.define(grown);
    expect(changed?.definition.memoryKib).to.equal(96n * 1024n);
    expect(changed?.inactiveDefinition?.memoryKib).to.equal(128n * 1024n);
    const refused = connection.toolstack.registry?.undefine(definition.uuid);
    await expectError(Promise.resolve(refused), "operation-invalid");
  });

  describe("a QEMU that went wrong", () => {
    it("is off when it was killed, and can be started again", async () => {
      const { id } = await start();
      process.kill(id ?? 0, "SIGKILL");
      while (guest().pid !== undefined) await sleep(10);
      expect(existsSync(join(world.run, "pid"))).to.equal(true);
      expect(await find()).to.include({ state: "shutoff" });
      expect((await start()).state).to.equal("running");
    });

    it("is not taken for another process that got its number", async () => {
      mkdirSync(world.run, { recursive: true });
      for (const content of [`${process.pid}\n`, "1\n", "0\n", "-1\n", "4194304999\n", "x", ""]) {
        writeFileSync(join(world.run, "pid"), content);
        expect((await find()).state, content).to.equal("shutoff");
        await guest().stop();
      }
    });

    it("is told when its monitor is busy, and stopped all the same", async () => {
      const { uuid, id } = await start();
      const holder = await monitorOf("query");
      const listing = connection.toolstack.listDomains();
      await expectError(find(), "operation-failed", /query' is busy/);
      expect((await listing)[0]).to.include({ id, state: "blocked" });
      await power.destroy(uuid, { graceful: false });
      holder.close();
      expect((await find()).state).to.equal("shutoff");
    });

    it("can be asked while somebody works at its monitor", async () => {
      const { uuid } = await start();
      const holder = await monitorOf("monitor");
      expect((await find()).state).to.equal("running");
      await expectError(power.suspend(uuid), "operation-failed", /monitor' is busy/);
      holder.close();
      await power.suspend(uuid);
    });

    for (const [what, damage] of Object.entries({
      "cut off": (text: string) => text.slice(0, text.length / 2),
      empty: () => "",
      "another domain's": (text: string) => text.replace(/<uuid>.{8}/, "<uuid>99999999"),
    }))
      it(`is listed when the definition that it was started with is ${what}, and told of`, async () => {
        const { toolstack } = connection;
        const other = world.definition.replace(/<uuid>.{8}/, "<uuid>88888888");
        writeFileSync(join(world.folder, "other.xml"), other.replace(">guest<", ">other<"));
        const { uuid, id } = await start();
        const path = join(world.run, "definition.xml");
        writeFileSync(path, damage(readFileSync(path, "utf8")));
        const domains = await toolstack.listDomains();
        expect(domains.map(({ name }) => name)).to.deep.equal(["guest", "other"]);
        expect(domains[0]).to.include({ id, state: "blocked" });
        const [problem, ...more] = (await toolstack.listProblems?.()) ?? [];
        expect(problem?.definition).to.equal(path);
        expect(more).to.deep.equal([]);
        const error = await expectError(find(), "operation-failed");
        expect(error.message).to.contain(`'${path}'`).and.to.contain("domain 'guest'");
        await power.destroy(uuid, { graceful: false });
        expect(await toolstack.listProblems?.()).to.deep.equal([]);
        expect((await start()).state).to.equal("running");
      });

    it("is killed when it hangs", async () => {
      const { id } = await start();
      process.kill(id ?? 0, "SIGSTOP");
      const timeouts = { greetingMs: 50, quitMs: 50, silenceMs: 50, killMs: 5000 };
      await expectError(
        endGuest(guest().run, { graceful: true, timeouts }),
        "operation-failed",
        /^Failed to terminate process \d+ with SIGTERM: Device or resource busy$/,
      );
      expect(guest().pid).to.equal(id);
      await endGuest(guest().run, { timeouts });
      expect(existsSync(`/proc/${id}`) && guest().pid !== undefined).to.equal(false);
      expect((await find()).state).to.equal("shutoff");
    });

    it("does not keep a resume from being settled", async () => {
      const { uuid, name } = await find();
      const warnings: string[] = [];
      const evidence = new TestEvidence();
      await tableRunner(connection.toolstack.operations, evidence).run(
        { kind: "domain.resume" },
        {
          domain: { uuid, name },
          evidence,
          commit: () => Promise.resolve(),
          signal: new AbortController().signal,
          progress: () => undefined,
          warn: (message) => warnings.push(message),
        },
      );
      expect(warnings).to.deep.equal(["domain 'guest' is off: it ended while it was paused"]);
    });
  });

  describe("a start that fails", () => {
    const failedStart = async (code: ErrorCode, text: RegExp) => {
      const { uuid } = await find();
      await expectError(power.start(uuid, { paused: false }), code, text);
      expect((await find()).state).to.equal("shutoff");
    };

    it("tells which image is missing", async () => {
      renameSync(world.disks[0]?.path ?? "", join(world.folder, "elsewhere"));
      await failedStart("image-missing", /a\.qcow2/);
    });

    it("opens nothing that the header of an image names and the definition does not", async () => {
      const [disk] = world.disks;
      const elsewhere = "nbd://192.0.2.1/export";
      const size = [
        "-o",
        `backing_file=${elsewhere},backing_fmt=raw`,
        "-u",
        disk?.path ?? "",
        "1M",
      ];
      execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...size]);
      await failedStart("disk-unsupported", /nbd/);
    });

    it("tells QEMU's reason when an image is in use", async () => {
      const other = await makeOther({ disks: world.disks });
      await other.start();
      await failedStart("tool-failed", /Failed to get "write" lock/);
    });

    it("leaves nothing running when the memory makes no sense", async () => {
      const memoryFile = join(world.folder, "memory");
      writeFileSync(memoryFile, "no memory at all");
      const starting = guest().start({ paused: false, memoryFile });
      await expectError(
        starting,
        "tool-failed",
        /did not take the memory: qemu-.*[Nn]ot a migration/,
      );
      expect((await find()).state).to.equal("shutoff");
      const missing = guest().start({ paused: false, memoryFile: "/nonexistent/memory" });
      await expectError(missing, "system-error", /No such file/);
      expect((await find()).state).to.equal("shutoff");
    });

    it("refuses what it would have to leave out", async () => {
      const devices = "<hostdev mode='subsystem' type='pci'/>";
      const other = await makeOther({ devices });
      await expectError(other.start(), "config-unsupported", /device 'hostdev'/);
    });
  });

  it("takes names that mean something to QEMU's options", async () => {
    const name = "a,b=c %d é";
    const other = await makeOther({ name });
    expect(await other.start()).to.include({ name, state: "paused" });
  });

  it("refuses a folder whose path is too long for sockets", async () => {
    const other = await makeOther({ name: "n".repeat(100) });
    await expectError(other.start(), "config-unsupported", /longer than 107 bytes/);
  });

  it("answers in libvirt's words to what does not fit the state", async () => {
    const { uuid } = await find();
    await expectError(
      power.destroy(uuid, { graceful: false }),
      "operation-invalid",
      "domain is not running",
    );
    await expectError(power.suspend(uuid), "operation-invalid", "domain is not running");
    await expectError(power.shutdown(uuid), "operation-invalid", "domain is not running");
    await expectError(power.resume(uuid), "operation-invalid", "domain is not running");
    await start();
    await expectError(power.start(uuid, { paused: false }), "operation-invalid");
    await expectError(power.resume(uuid), "operation-invalid", "domain is already running");
    await power.shutdown(uuid);
  });

  for (const uri of ["qemu+dir:", "qemu+dir://host/x", "qemu+dir:///no/such", "qemu:///system"])
    it(`refuses ${uri}`, async () => {
      await expectError(provider().open(uri), "invalid-argument");
    });
});
