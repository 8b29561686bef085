import { DomsnapError } from "../../errors/index.js";
import type { Domain } from "../../model/index.js";
import type { DomainPower } from "../../ports/index.js";
import { changeDomain, type ServiceContext } from "../shared/context.js";
import { LIBVIRT_CALLS, type PowerAction } from "./power-action.js";
import type { ChangeOptions } from "../shared/results.js";

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
      hint: `Use the connection of a hypervisor: '${toolstack.uri}' does not run domains.`,
    });
  return changeDomain(context, reference, options, async ({ uuid }) => {
    if (!options.dryRun) await carryOut(power, uuid, action);
    return toolstack.findDomain(uuid);
  });
}

function carryOut(power: DomainPower, uuid: string, action: PowerAction): Promise<void> {
  if (action.verb === "start") return power.start(uuid, { paused: action.paused });
  return power[action.verb](uuid);
}
