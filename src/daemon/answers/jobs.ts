import { DomsnapError } from "../../core/errors/index.js";
import { JOB_TYPE, jobParams } from "../state/job-board.js";
import type { Answers, Caller } from "./answer.js";
import { domainOf } from "./domain-of.js";
import { assertFlags } from "./flags.js";
import type { WireDomain } from "../../rpc/index.js";

const STATS_COMPLETED = 1;
const STATS_KEEP = 2;

/** The change that is under way on a domain, or was the last one. */
export const jobAnswers: Answers = {
  domainGetJobInfo: async ({ value }, caller) => {
    const { uuid } = await domainOf(caller, value);
    const state = caller.hypervisor.jobs.current(uuid);
    const total = BigInt(state?.total ?? 0);
    const processed = BigInt(state?.processed ?? 0);
    const remaining = total > processed ? total - processed : 0n;
    return {
      type: state?.type ?? JOB_TYPE.none,
      elapsedMs: BigInt(Math.round(state?.elapsedMs ?? 0)),
      remainingMs: 0n,
      ...{ dataTotal: total, dataProcessed: processed, dataRemaining: remaining },
      ...{ memoryTotal: 0n, memoryProcessed: 0n, memoryRemaining: 0n },
      ...{ fileTotal: total, fileProcessed: processed, fileRemaining: remaining },
    };
  },
  domainGetJobStats: async ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainGetJobStats", flags, STATS_COMPLETED | STATS_KEEP);
    const { uuid } = await domainOf(caller, domain);
    const { jobs } = caller.hypervisor;
    const state =
      (flags & STATS_COMPLETED) === 0
        ? jobs.current(uuid)
        : jobs.last(uuid, (flags & STATS_KEEP) !== 0);
    return state
      ? { type: state.type, params: jobParams(state) }
      : { type: JOB_TYPE.none, params: [] };
  },
  domainAbortJob: ({ value }, caller) => abort(caller, value),
  domainAbortJobFlags: ({ domain, flags }, caller) => {
    assertFlags(caller, "DomainAbortJobFlags", flags);
    return abort(caller, domain);
  },
};

async function abort(caller: Caller, domain: WireDomain): Promise<undefined> {
  const { uuid } = await domainOf(caller, domain);
  if (!caller.hypervisor.jobs.abort(uuid))
    throw new DomsnapError("operation-invalid", "no job is active on the domain");
  return undefined;
}
