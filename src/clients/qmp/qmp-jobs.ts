import { setTimeout as sleep } from "node:timers/promises";

import { array, number, object, optional, picklist, string } from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import type { QmpClient } from "./qmp-client.js";
import { qmpFailureOf } from "./qmp-failure.js";
import type { QmpEvent } from "./qmp-message.js";
import { readReply } from "./read-reply.js";

export const JOB_STATUSES = [
  ...(["undefined", "created", "running", "paused", "ready", "standby"] as const),
  ...(["waiting", "pending", "aborting", "concluded", "null"] as const),
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

/** One job of QEMU. The unit of the progress is the job's own: bytes for block jobs. */
export interface QmpJob {
  readonly id: string;
  /** `commit`, `stream`, `mirror`, `backup`, `snapshot-save`, `snapshot-load`, ... */
  readonly type: string;
  readonly status: JobStatus;
  readonly progressDone: number;
  readonly progressTotal: number;
  /** Why it failed, once it has concluded. */
  readonly error?: string;
}

export interface JobWaitOptions {
  /** Ends the wait, not the job, with `cancelled`. */
  readonly signal?: AbortSignal;
  /** Told at every change, and this often between. */
  readonly onProgress?: (job: QmpJob) => void;
  /** Default 250 ms. */
  readonly pollMs?: number;
}

/**
 * The command that starts a job. `arguments` without its id, which QEMU takes as `job-id`; block
 * jobs need `"auto-dismiss": false` among them, else they are gone before their error can be read.
 */
export interface JobRequest {
  readonly id: string;
  readonly command: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

const JobList = array(
  object({
    id: string(),
    type: string(),
    status: picklist(JOB_STATUSES),
    "current-progress": number(),
    "total-progress": number(),
    error: optional(string()),
  }),
);

/** All jobs that QEMU knows, concluded ones that nobody dismissed too. */
export async function queryJobs(client: QmpClient): Promise<QmpJob[]> {
  // A job such as snapshot-save stops the monitor while it works, so there is no deadline.
  const reply = await client.execute("query-jobs", {}, { timeoutMs: Infinity });
  return readReply("query-jobs", JobList, reply).map(({ id, type, status, error, ...job }) => ({
    id,
    type,
    status,
    progressDone: job["current-progress"],
    progressTotal: job["total-progress"],
    ...(error !== undefined && { error }),
  }));
}

export async function findJob(client: QmpClient, id: string): Promise<QmpJob | undefined> {
  return (await queryJobs(client)).find((job) => job.id === id);
}

/**
 * Runs a job to its end and removes it. On abort it is cancelled, its end awaited, and `cancelled`
 * thrown. Throws `tool-failed` with QEMU's words when it cannot start or fails.
 */
export async function runJob(
  client: QmpClient,
  request: JobRequest,
  options: JobWaitOptions = {},
): Promise<void> {
  await startJob(client, request);
  try {
    await waitForJob(client, request.id, ["concluded"], options);
  } catch (thrown) {
    if (!(thrown instanceof DomsnapError) || thrown.code !== "cancelled") throw thrown;
    await cancelJob(client, request.id);
    throw thrown;
  }
  await concludeJob(client, request);
}

/** Starts a job that stays, for its error to be read, until it is dismissed. */
export async function startJob(client: QmpClient, request: JobRequest): Promise<void> {
  await client.execute(
    request.command,
    { ...request.arguments, "job-id": request.id },
    { timeoutMs: Infinity },
  );
}

/**
 * Waits until the job has one of these statuses, or has concluded. Throws `operation-failed` when
 * QEMU does not know it, or not any more.
 */
export async function waitForJob(
  client: QmpClient,
  id: string,
  statuses: readonly JobStatus[],
  options: JobWaitOptions = {},
): Promise<QmpJob> {
  for (;;) {
    const change = watchJob(client, id, options);
    try {
      const job = await findJob(client, id);
      if (!job) throw new DomsnapError("operation-failed", `QEMU knows no job '${id}'`);
      options.onProgress?.(job);
      if (job.status === "concluded" || statuses.includes(job.status)) return job;
      await change.next();
    } finally {
      change.stop();
    }
  }
}

/** Removes a concluded job. Throws `tool-failed` with the job's own words when it had failed. */
export async function concludeJob(
  client: QmpClient,
  { id, command }: Pick<JobRequest, "id" | "command">,
): Promise<void> {
  const job = await findJob(client, id);
  await dismissJob(client, id);
  if (job?.error !== undefined)
    throw new DomsnapError("tool-failed", `QEMU's job '${command}' failed: ${job.error}`);
}

/**
 * Cancels a job, waits for its end and removes it. What it wrote is left as it is. Does nothing
 * when there is none; one that cannot be cancelled is awaited.
 */
export async function cancelJob(client: QmpClient, id: string): Promise<void> {
  if (!(await findJob(client, id))) return;
  try {
    await client.execute("job-cancel", { id });
  } catch (thrown) {
    // It may be at its end already, or of a kind that cannot be stopped.
    if (!qmpFailureOf(thrown)) throw thrown;
  }
  if (await findJob(client, id)) await waitForJob(client, id, ["concluded"]);
  await dismissJob(client, id);
}

/** Lets a job that is ready switch over. Its end has to be awaited. */
export async function completeJob(client: QmpClient, id: string): Promise<void> {
  await client.execute("job-complete", { id });
}

/** Removes a concluded job; one that is gone is no error. */
export async function dismissJob(client: QmpClient, id: string): Promise<void> {
  try {
    await client.execute("job-dismiss", { id });
  } catch (thrown) {
    if (qmpFailureOf(thrown) === undefined || (await findJob(client, id))) throw thrown;
  }
}

/** Waits for the job's next change or for a while; to be set up before QEMU is asked. */
function watchJob(client: QmpClient, id: string, { signal, pollMs = 250 }: JobWaitOptions) {
  const ended = new AbortController();
  const either = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
  const isChange = ({ name, data }: QmpEvent) => name === "JOB_STATUS_CHANGE" && data["id"] === id;
  const change = client.once(isChange, { signal: either });
  return {
    next: () => Promise.race([change, sleep(pollMs, undefined, { ref: false })]),
    stop: () => {
      ended.abort();
    },
  };
}
