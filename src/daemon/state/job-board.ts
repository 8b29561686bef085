import { asDomsnapError } from "../../core/errors/index.js";
import type { ProgressEvent } from "../../core/execute/progress-event.js";
import type { ChangeOptions } from "../../core/operations/shared/results.js";
import { PARAM, type WireDomain, type WireTypedParam } from "../../rpc/index.js";
import type { EventHub } from "./event-hub.js";

/** libvirt's numbers of what a job does; virDomainJobOperation. */
export const JOB_OPERATION = { snapshot: 6, revert: 7, delete: 10 } as const;
export type JobOperation = (typeof JOB_OPERATION)[keyof typeof JOB_OPERATION];

/** libvirt's numbers of how a job stands; virDomainJobType. */
export const JOB_TYPE = {
  none: 0,
  bounded: 1,
  unbounded: 2,
  completed: 3,
  failed: 4,
  cancelled: 5,
} as const;
type JobType = (typeof JOB_TYPE)[keyof typeof JOB_TYPE];

/** How a job stands, or how it ended. */
export interface JobState {
  readonly type: JobType;
  readonly operation: JobOperation;
  readonly elapsedMs: number;
  /** Bytes of what is being copied now; all zero where nothing is. */
  readonly processed: number;
  readonly total: number;
  readonly downtimeMs?: number;
  readonly error?: string;
}

interface Job {
  readonly operation: JobOperation;
  readonly startedMs: number;
  readonly controller: AbortController;
  processed: number;
  total: number;
  downtimeMs?: number;
}

/** The jobs of a connection's domains: those under way, and how the last one of each ended. */
export class JobBoard {
  /** By the uuid; the first one is at work, the others wait for the domain's lock. */
  readonly #running = new Map<string, Job[]>();
  readonly #ended = new Map<string, JobState>();

  constructor(private readonly events: EventHub) {}

  /** Whether any change is under way. */
  get isBusy(): boolean {
    return this.#running.size > 0;
  }

  /** Runs a change as a job of a domain: it can be watched, and be aborted. */
  async run<Result>(
    domain: WireDomain,
    operation: JobOperation,
    work: (options: ChangeOptions) => Promise<Result>,
  ): Promise<Result> {
    const controller = new AbortController();
    const job: Job = {
      operation,
      startedMs: performance.now(),
      controller,
      processed: 0,
      total: 0,
    };
    const jobs = this.#running.get(domain.uuid) ?? [];
    this.#running.set(domain.uuid, [...jobs, job]);
    try {
      const result = await work({
        signal: controller.signal,
        onProgress: (event) => {
          follow(job, event);
        },
      });
      this.#end(domain, job, JOB_TYPE.completed);
      return result;
    } catch (thrown) {
      const error = asDomsnapError(thrown);
      const type = error.code === "cancelled" ? JOB_TYPE.cancelled : JOB_TYPE.failed;
      this.#end(domain, job, type, error.message);
      throw thrown;
    }
  }

  /** How the job of a domain stands; undefined when there is none. */
  current(domainUuid: string): JobState | undefined {
    const [job] = this.#running.get(domainUuid) ?? [];
    if (!job) return undefined;
    return stateOf(job, job.total > 0 ? JOB_TYPE.bounded : JOB_TYPE.unbounded);
  }

  /** How the last job of a domain ended; forgotten unless it is to be kept. */
  last(domainUuid: string, keep: boolean): JobState | undefined {
    const state = this.#ended.get(domainUuid);
    if (!keep) this.#ended.delete(domainUuid);
    return state;
  }

  /** False when the domain has no job. */
  abort(domainUuid: string): boolean {
    const [job] = this.#running.get(domainUuid) ?? [];
    job?.controller.abort();
    return job !== undefined;
  }

  abortAll(): void {
    for (const job of [...this.#running.values()].flat()) job.controller.abort();
  }

  #end(domain: WireDomain, job: Job, type: JobType, error?: string): void {
    const left = (this.#running.get(domain.uuid) ?? []).filter((other) => other !== job);
    if (left.length > 0) this.#running.set(domain.uuid, left);
    else this.#running.delete(domain.uuid);
    const state = { ...stateOf(job, type), ...(error !== undefined && { error }) };
    this.#ended.set(domain.uuid, state);
    this.events.emit({ type: "jobCompleted", domain, params: jobParams(state) });
  }
}

function follow(job: Job, event: ProgressEvent): void {
  if (event.type === "operation-started") job.processed = job.total = 0;
  if (event.type === "operation-progress") {
    job.processed = event.bytesDone;
    job.total = event.bytesTotal ?? 0;
  }
  if (event.type === "measured" && event.measures.downtimeMs !== undefined)
    job.downtimeMs = (job.downtimeMs ?? 0) + event.measures.downtimeMs;
}

function stateOf(job: Job, type: JobType): JobState {
  const { operation, startedMs, processed, total, downtimeMs } = job;
  const elapsedMs = performance.now() - startedMs;
  return {
    type,
    operation,
    elapsedMs,
    processed,
    total,
    ...(downtimeMs !== undefined && { downtimeMs }),
  };
}

/** A job as libvirt's typed parameters tell of it. */
export function jobParams(state: JobState): WireTypedParam[] {
  const left = Math.max(state.total - state.processed, 0);
  const sizes = { total: state.total, processed: state.processed, remaining: left };
  const isOver = state.type === JOB_TYPE.completed || state.type === JOB_TYPE.failed;
  return [
    { field: "operation", value: { type: PARAM.int, value: state.operation } },
    whole("time_elapsed", state.elapsedMs),
    ...(state.total > 0
      ? Object.entries(sizes).flatMap(([name, bytes]) => [
          whole(`data_${name}`, bytes),
          whole(`disk_${name}`, bytes),
        ])
      : []),
    ...(state.downtimeMs === undefined ? [] : [whole("downtime", state.downtimeMs)]),
    ...(isOver
      ? [
          {
            field: "success",
            value: { type: PARAM.bool, value: state.type === JOB_TYPE.completed },
          } as const,
        ]
      : []),
    ...(state.error === undefined
      ? []
      : [{ field: "errmsg", value: { type: PARAM.string, value: state.error } } as const]),
  ];
}

function whole(field: string, value: number): WireTypedParam {
  return { field, value: { type: PARAM.uhyper, value: BigInt(Math.max(Math.round(value), 0)) } };
}
