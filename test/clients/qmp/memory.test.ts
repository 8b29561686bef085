import { expect } from "chai";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

import { patience } from "../../../scripts/test-run/patience.cjs";
import {
  endMigration,
  openMemorySink,
  prepareMigration,
  QmpClient,
  startMigration,
  waitForMigration,
  type MemorySink,
  type MigrationProgress,
} from "../../../src/clients/qmp/index.js";
import { startIdleQemu, type IdleQemu } from "./support/idle-qemu.js";
import { rejectionOf } from "./support/thrown-by.js";

const MIB = 1024 * 1024;

describe("a guest's memory into a file", () => {
  let qemu: IdleQemu;
  let client: QmpClient;
  let sink: MemorySink;
  let file: string;

  beforeEach(async () => {
    qemu = await startIdleQemu("-machine", "pc", "-m", "64");
    client = await QmpClient.connect(qemu.socket);
    file = join(qemu.folder, "memory");
    writeFileSync(file, "", { mode: 0o600 });
    sink = await openMemorySink(file, join(qemu.folder, "memory.socket"));
  });
  afterEach(async () => {
    await sink.close();
    client.close();
    await qemu.stop();
  });

  /** Firmware that runs, so that there is something to freeze. */
  const run = () => client.execute("cont");

  it("is saved while the guest runs, and QEMU leaves the guest stopped", async () => {
    await run();
    expect(await prepareMigration(client, { background: false })).to.equal(true);
    const seen: MigrationProgress[] = [];
    await startMigration(client, sink.uri);
    await waitForMigration(client, { onProgress: (progress) => seen.push(progress), pollMs: 5 });
    const bytes = await sink.finish();
    expect(bytes).to.equal(statSync(file).size);
    expect(readFileSync(file).subarray(0, 4).toString()).to.equal("QEVM");
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(seen.at(-1)?.bytesTotal).to.be.at.least(64 * MIB);
    expect(await client.execute("query-status")).to.include({ status: "postmigrate" });
  });

  it("is saved behind the back of a guest that QEMU lets run again", async () => {
    await run();
    expect(await prepareMigration(client, { background: true })).to.equal(true);
    const stopped = client.once("STOP", { timeoutMs: patience(10_000) });
    const resumed = client.once("RESUME", { timeoutMs: patience(10_000) });
    await startMigration(client, sink.uri);
    await waitForMigration(client);
    await endMigration(client);
    expect((await resumed).timeUs).to.be.above((await stopped).timeUs);
    expect(await sink.finish()).to.be.above(0);
    expect(await client.execute("query-status")).to.include({ running: true });
  });

  it("is not saved when the wait is aborted; the guest runs on", async () => {
    await run();
    await prepareMigration(client, { background: false });
    await client.execute("migrate-set-parameters", { "max-bandwidth": 100_000 });
    await startMigration(client, sink.uri);
    const controller = new AbortController();
    const waiting = waitForMigration(client, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect((await rejectionOf(waiting)).code).to.equal("cancelled");
    expect(await client.execute("query-status")).to.include({ running: true });
    await prepareMigration(client, { background: false });
  });

  it("is taken to its end when the sink is closed: QEMU must not hang", async () => {
    await run();
    await prepareMigration(client, { background: false });
    await startMigration(client, sink.uri);
    while (statSync(file).size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await sink.close();
    await waitForMigration(client);
    expect(await sink.finish()).to.equal(statSync(file).size);
  });

  it("is missed when QEMU never sends it", async () => {
    const finished = rejectionOf(sink.finish());
    await sink.close();
    expect((await finished).detail).to.equal("QEMU did not send the guest's memory");
    expect(existsSync(join(qemu.folder, "memory.socket"))).to.equal(false);
  });

  it("tells a full disk", async () => {
    const full = await openMemorySink("/dev/full", join(qemu.folder, "full.socket"));
    await prepareMigration(client, { background: false });
    await startMigration(client, full.uri);
    await waitForMigration(client);
    expect((await rejectionOf(full.finish())).code).to.equal("no-space");
    await full.close();
  });

  it("listens to one sender only", async () => {
    const path = join(qemu.folder, "memory.socket");
    const first = connect(path);
    first.end("abc");
    expect(await sink.finish()).to.equal(3);
    const second = await new Promise((resolve) => {
      connect(path).once("error", ({ name }) => resolve(name));
    });
    expect(second).to.equal("Error");
  });
});
