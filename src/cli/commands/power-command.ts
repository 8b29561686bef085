import type { PowerAction } from "../../core/operations/domain/power-action.js";
import { underHeadline } from "../command-error.js";
import type { CommandContext, CommandSpec } from "../command-spec.js";
import type { OptionSpec } from "../grammar/option-spec.js";
import { domainJson } from "../render/json.js";
import { DOMAIN } from "./common-options.js";

interface PowerCommand {
  readonly verb: PowerAction["verb"];
  readonly summary: string;
  readonly description?: string;
  readonly options?: readonly OptionSpec[];
  /** What has become of the domain, as virsh tells it: `started`. */
  readonly done: string;
  /** What is to be done; the verb alone where nothing is told. */
  readonly action?: (context: CommandContext) => PowerAction;
}

/** A command that switches a domain as a whole, with virsh's messages. */
export function powerCommand({ verb, summary, done, ...more }: PowerCommand): CommandSpec {
  return {
    name: verb,
    group: "domain",
    summary,
    ...(more.description === undefined ? {} : { description: more.description }),
    options: [DOMAIN, ...(more.options ?? [])],
    changes: true,
    async run(context) {
      const { name, uuid } = await context.domain();
      const action = more.action?.(context) ?? plainAction(verb);
      const service = await context.service();
      const domain = await underHeadline(`Failed to ${verb} domain '${name}'`, () =>
        service.switchPower(uuid, action, context.changeOptions()),
      );
      const data = { domain: domainJson(domain), executed: !context.dryRun };
      return context.dryRun
        ? { text: `Plan: ${verb} domain '${name}'\n`, data }
        : { notice: `Domain '${name}' ${done}\n`, data };
    },
  };
}

function plainAction(verb: PowerAction["verb"]): PowerAction {
  return verb === "start" ? { verb, paused: false } : { verb };
}
