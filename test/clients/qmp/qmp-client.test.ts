import { expect } from "chai";

import { patience } from "../../../scripts/test-run/patience.cjs";
import { QmpClient, qmpFailureOf, withQmp } from "../../../src/clients/qmp/index.js";
import { startIdleQemu, type IdleQemu } from "./support/idle-qemu.js";
import { rejectionOf } from "./support/thrown-by.js";

describe("QmpClient on a real QEMU", () => {
  let qemu: IdleQemu;
  let client: QmpClient;

  beforeEach(async () => {
    qemu = await startIdleQemu();
    client = await QmpClient.connect(qemu.socket);
  });
  afterEach(async () => {
    client.close();
    await qemu.stop();
  });

  it("gives what a command returns", async () => {
    expect(await client.execute("query-status")).to.include({ running: false });
  });

  it("keeps the class and the words of a refusal", async () => {
    const error = await rejectionOf(client.execute("no-such-command"));
    expect(error.code).to.equal("tool-failed");
    expect(error.detail).to.equal(
      "QEMU refused 'no-such-command': The command no-such-command has not been found",
    );
    expect(qmpFailureOf(error)).to.include({
      command: "no-such-command",
      errorClass: "CommandNotFound",
      description: "The command no-such-command has not been found",
    });
    expect(qmpFailureOf(error.withEffect("rolled-back"))).to.equal(qmpFailureOf(error));
  });

  it("carries out commands in order without waiting for each reply", async () => {
    const replies = await Promise.all([
      client.execute("cont"),
      client.execute("query-status"),
      client.execute("stop"),
      client.execute("query-status"),
    ]);
    expect(replies[1]).to.include({ running: true });
    expect(replies[3]).to.include({ running: false });
  });

  it("sees the events that a command brings about, with QEMU's time", async () => {
    const names: string[] = [];
    const unsubscribe = client.subscribe(({ name }) => names.push(name));
    const resumed = client.once("RESUME", { timeoutMs: patience(5000) });
    const stopped = client.once(({ name }) => name === "STOP", { timeoutMs: patience(5000) });
    await client.execute("cont");
    await client.execute("stop");
    const pauseUs = (await stopped).timeUs - (await resumed).timeUs;
    expect(pauseUs).to.be.within(0, patience(5_000_000));
    unsubscribe();
    await client.execute("cont");
    expect(names).to.deep.equal(["RESUME", "STOP"]);
  });

  it("tells a busy socket within its deadline, and is served when the other has left", async () => {
    const began = performance.now();
    const error = await rejectionOf(QmpClient.connect(qemu.socket, { greetingTimeoutMs: 150 }));
    expect(performance.now() - began).to.be.below(patience(1000));
    expect(error.code).to.equal("operation-failed");
    expect(error.detail).to.contain(`'${qemu.socket}' is busy`);
    const next = QmpClient.connect(qemu.socket);
    client.close();
    client = await next;
    expect(await client.execute("query-name")).to.deep.equal({});
  });

  it("tells a busy socket also when the kernel's queue is full", async () => {
    const waiting = Array.from({ length: 8 }, () =>
      rejectionOf(QmpClient.connect(qemu.socket, { greetingTimeoutMs: 200 })),
    );
    for (const error of await Promise.all(waiting)) expect(error.code).to.equal("operation-failed");
  });

  it("fails a command whose QEMU is killed, and all later ones", async () => {
    await client.execute("cont");
    qemu.process.kill("SIGSTOP");
    const reply = rejectionOf(client.execute("query-status"));
    const event = rejectionOf(client.once("STOP"));
    qemu.process.kill("SIGKILL");
    expect((await reply).detail).to.contain("before it answered 'query-status'");
    expect((await event).code).to.equal("tool-failed");
    expect((await rejectionOf(client.execute("stop"))).code).to.equal("tool-failed");
    expect((await rejectionOf(client.once("STOP"))).code).to.equal("tool-failed");
  });

  it("gives up on a QEMU that hangs, and ignores its late reply", async () => {
    qemu.process.kill("SIGSTOP");
    const error = await rejectionOf(client.execute("query-kvm", {}, { timeoutMs: 50 }));
    expect(error.detail).to.equal("QEMU did not answer 'query-kvm' within 50 ms");
    qemu.process.kill("SIGCONT");
    expect(await client.execute("query-status")).to.include({ running: false });
  });

  it("stops waiting on abort, and does not send what was aborted before", async () => {
    qemu.process.kill("SIGSTOP");
    const controller = new AbortController();
    const { signal } = controller;
    const sent = rejectionOf(client.execute("query-status", {}, { signal }));
    const event = rejectionOf(client.once("STOP", { signal }));
    controller.abort();
    expect((await sent).code).to.equal("cancelled");
    expect((await event).code).to.equal("cancelled");
    expect((await rejectionOf(client.execute("quit", {}, { signal }))).code).to.equal("cancelled");
    qemu.process.kill("SIGCONT");
    expect(await client.execute("query-status")).to.include({ running: false });
  });

  it("refuses to connect on abort", async () => {
    const error = await rejectionOf(
      QmpClient.connect(qemu.socket, { signal: AbortSignal.abort() }),
    );
    expect(error.code).to.equal("cancelled");
  });

  it("stops waiting for the greeting on abort", async () => {
    const controller = new AbortController();
    const waiting = rejectionOf(QmpClient.connect(qemu.socket, controller));
    setTimeout(() => controller.abort(), 20);
    expect((await waiting).code).to.equal("cancelled");
  });

  it("leaves the socket to the next one when the work fails", async () => {
    client.close();
    const work = () => Promise.reject(new Error("no"));
    expect(await withQmp(qemu.socket, {}, work).catch(String)).to.equal("Error: no");
    expect(await withQmp(qemu.socket, {}, (next) => next.execute("query-status"))).to.include({
      running: false,
    });
  });

  it("says where nobody listens", async () => {
    const error = await rejectionOf(QmpClient.connect("/nonexistent/qmp"));
    expect(error.code).to.equal("system-error");
    expect(error.detail).to.equal(
      "cannot connect to QEMU's monitor '/nonexistent/qmp': No such file or directory",
    );
  });

  it("refuses a path that is too long for a socket", async () => {
    const error = await rejectionOf(QmpClient.connect(`/${"a".repeat(107)}`));
    expect(error.code).to.equal("config-unsupported");
  });
});
