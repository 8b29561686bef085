import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  attachOverlay,
  cancelJob,
  completeJob,
  concludeJob,
  dismissJob,
  findJob,
  QmpClient,
  queryJobs,
  runJob,
  runTransaction,
  startJob,
  takeInternalSnapshot,
  waitForJob,
  type JobRequest,
  type QmpJob,
} from "../../../src/clients/qmp/index.js";
import { startIdleQemu, type IdleQemu } from "./support/idle-qemu.js";
import { rejectionOf } from "./support/thrown-by.js";

const MIB = 1024 * 1024;

describe("jobs and transactions of a real QEMU", () => {
  let folder: string;
  let qemu: IdleQemu;
  let client: QmpClient;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-jobs-"));
    const disk = image("disk");
    execFileSync("qemu-io", ["-f", "qcow2", "-c", "write -q -P 7 0 8M", disk]);
    qemu = await startIdleQemu(...blockdev("disk"));
    client = await QmpClient.connect(qemu.socket);
  });
  afterEach(async () => {
    client.close();
    await qemu.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const image = (name: string, ...args: readonly string[]): string => {
    const path = join(folder, name);
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...args, path, "16M"]);
    return path;
  };
  const node = (name: string) => ({
    driver: "qcow2",
    "node-name": name,
    file: { driver: "file", filename: join(folder, name) },
  });
  const blockdev = (name: string) => ["-blockdev", JSON.stringify(node(name))];
  /** A slow copy, so that it can be caught while it works. */
  const mirror = async (bytesPerSecond: number): Promise<JobRequest> => {
    image("copy");
    await client.execute("blockdev-add", node("copy"));
    return {
      id: "job1",
      command: "blockdev-mirror",
      arguments: {
        device: "disk",
        target: "copy",
        sync: "full",
        speed: bytesPerSecond,
        "auto-dismiss": false,
      },
    };
  };
  const create = (filename: string): JobRequest => ({
    id: "job1",
    command: "blockdev-create",
    arguments: { options: { driver: "file", filename, size: MIB } },
  });

  it("runs a job to its end and leaves nothing behind", async () => {
    const seen: QmpJob[] = [];
    await runJob(client, create(join(folder, "new")), { onProgress: (job) => seen.push(job) });
    expect(seen.at(-1)).to.include({ id: "job1", type: "create", status: "concluded" });
    expect(await queryJobs(client)).to.deep.equal([]);
  });

  it("tells why a job failed, and leaves nothing behind", async () => {
    const error = await rejectionOf(runJob(client, create("/nonexistent/new")));
    expect(error.code).to.equal("tool-failed");
    expect(error.detail).to.match(/^QEMU's job 'blockdev-create' failed: .*No such file/);
    expect(await queryJobs(client)).to.deep.equal([]);
  });

  it("tells why a job did not start", async () => {
    const request = { id: "job1", command: "blockdev-mirror", arguments: { device: "none" } };
    const error = await rejectionOf(runJob(client, request));
    expect(error.detail).to.contain("QEMU refused 'blockdev-mirror'");
  });

  it("waits until a job is ready, lets it switch, and awaits its end", async () => {
    const request = await mirror(0);
    await startJob(client, request);
    const ready = await waitForJob(client, "job1", ["ready"]);
    expect(ready.status).to.equal("ready");
    expect(ready.progressDone).to.equal(ready.progressTotal);
    await completeJob(client, "job1");
    await waitForJob(client, "job1", ["concluded"]);
    await concludeJob(client, request);
    expect(await findJob(client, "job1")).to.equal(undefined);
  });

  it("reports progress while a job works", async () => {
    await startJob(client, await mirror(2 * MIB));
    const seen: QmpJob[] = [];
    const controller = new AbortController();
    const onProgress = (job: QmpJob) => {
      seen.push(job);
      if (seen.length === 4) controller.abort();
    };
    const waiting = waitForJob(client, "job1", ["ready"], {
      onProgress,
      pollMs: 20,
      signal: controller.signal,
    });
    expect((await rejectionOf(waiting)).code).to.equal("cancelled");
    expect(seen[3]?.progressTotal).to.equal(16 * MIB);
    // Only the wait was aborted.
    expect(await findJob(client, "job1")).to.not.equal(undefined);
  });

  it("cancels the job on abort", async () => {
    const controller = new AbortController();
    const running = runJob(client, await mirror(MIB), {
      onProgress: () => controller.abort(),
      signal: controller.signal,
    });
    expect((await rejectionOf(running)).code).to.equal("cancelled");
    expect(await queryJobs(client)).to.deep.equal([]);
  });

  it("cancels and dismisses what is not there without complaint", async () => {
    await cancelJob(client, "none");
    await dismissJob(client, "none");
  });

  it("cancels a job that has already concluded", async () => {
    await startJob(client, create("/nonexistent/new"));
    await waitForJob(client, "job1", ["concluded"]);
    await cancelJob(client, "job1");
    expect(await queryJobs(client)).to.deep.equal([]);
  });

  it("does not dismiss a job that still works", async () => {
    await startJob(client, await mirror(MIB));
    expect((await rejectionOf(dismissJob(client, "job1"))).code).to.equal("tool-failed");
  });

  it("does not wait for a job that is not there", async () => {
    const error = await rejectionOf(waitForJob(client, "none", ["ready"]));
    expect(error.detail).to.equal("QEMU knows no job 'none'");
  });

  it("stops waiting when QEMU dies", async () => {
    await startJob(client, await mirror(MIB));
    const waiting = rejectionOf(waitForJob(client, "job1", ["ready"]));
    qemu.process.kill("SIGKILL");
    expect((await waiting).code).to.equal("tool-failed");
  });

  it("takes all actions of a transaction or none", async () => {
    image("overlay", "-b", join(folder, "disk"), "-F", "qcow2");
    await client.execute("blockdev-add", { ...node("overlay"), backing: null });
    const actions = [attachOverlay("disk", "overlay"), { type: "abort", data: {} } as const];
    expect((await rejectionOf(runTransaction(client, actions))).code).to.equal("tool-failed");
    expect(await backingOf("overlay")).to.equal(undefined);
    await runTransaction(client, actions.slice(0, 1));
    expect(await backingOf("overlay")).to.equal(join(folder, "disk"));
  });

  it("takes internal snapshots", async () => {
    await runTransaction(client, [takeInternalSnapshot("disk", "before")]);
    const listing = execFileSync("qemu-img", ["snapshot", "-U", "-l", join(folder, "disk")]);
    expect(listing.toString()).to.contain("before");
  });

  const backingOf = async (name: string): Promise<string | undefined> => {
    const nodes = (await client.execute("query-named-block-nodes")) as readonly {
      "node-name": string;
      image: { "backing-image"?: { filename: string } };
    }[];
    const found = nodes.find((candidate) => candidate["node-name"] === name);
    return found?.image["backing-image"]?.filename;
  };
});
