import type { PowerAction } from "../../core/operations/domain/power-action.js";
import { underHeadline } from "../command-error.js";
import {
  defineCommand,
  type CommandContext,
  type CommandResult,
  type CommandSpec,
} from "../command-spec.js";
import { domainJson } from "../render/json.js";
import { DOMAIN } from "./common-options.js";

interface PowerCommand {
  readonly verb: Exclude<PowerAction["verb"], "start" | "destroy">;
  readonly summary: string;
  readonly description?: string;
  /** What has become of the domain, as virsh tells it: `suspended`. */
  readonly done: string;
}

/** A command that switches a domain as a whole, and has no option but the domain. */
export function powerCommand({ verb, done, ...texts }: PowerCommand): CommandSpec {
  return defineCommand({
    name: verb,
    group: "domain",
    ...texts,
    options: [DOMAIN],
    changes: true,
    run: (context) => switchPower(context, { verb }, done),
  });
}

/** Switches the domain of a command, with virsh's messages. */
export async function switchPower(
  context: CommandContext,
  action: PowerAction,
  done: string,
): Promise<CommandResult> {
  const { verb } = action;
  const { name, uuid } = await context.identity();
  const service = await context.service();
  const domain = await underHeadline(`Failed to ${verb} domain '${name}'`, () =>
    service.switchPower(uuid, action, context.changeOptions()),
  );
  const data = { domain: domainJson(domain), executed: !context.dryRun };
  return context.dryRun
    ? { text: `Plan: ${verb} domain '${name}'\n`, data }
    : { notice: `Domain '${name}' ${done}\n`, data };
}
