import { DomsnapError } from "../errors/index.js";
import type { Domain } from "../model/index.js";
import type { DomainPower } from "../ports/index.js";
import { changeDomain, type ServiceContext } from "./context.js";
import type { ChangeOptions } from "./results.js";

/** What can be done to a domain as a whole; virsh's verbs. */
export type PowerAction =
  | { readonly verb: "start"; readonly paused: boolean }
  | { readonly verb: "destroy" | "shutdown" | "suspend" | "resume" };

/** See `SnapshotService.switchPower`. */
export async function switchPower(
  context: ServiceContext,
  reference: string,
  action: PowerAction,
  options: ChangeOptions = {},
): Promise<Domain> {
  const { toolstack } = context.connection;
  const { power } = toolstack;
  if (!power)
    throw new DomsnapError("no-support", LIBVIRT_CALLS[action.verb], {
      hint: `'${toolstack.uri}' does not run domains`,
    });
  return changeDomain(context, reference, options, async ({ uuid }) => {
    if (!options.dryRun) await carryOut(power, uuid, action);
    return toolstack.findDomain(uuid);
  });
}

export const LIBVIRT_CALLS: Readonly<Record<PowerAction["verb"], string>> = {
  start: "virDomainCreate",
  destroy: "virDomainDestroy",
  shutdown: "virDomainShutdown",
  suspend: "virDomainSuspend",
  resume: "virDomainResume",
};

function carryOut(power: DomainPower, uuid: string, action: PowerAction): Promise<void> {
  if (action.verb === "start") return power.start(uuid, { paused: action.paused });
  return power[action.verb](uuid);
}
