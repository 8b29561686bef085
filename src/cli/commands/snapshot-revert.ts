import { asDomsnapError } from "../../core/errors/index.js";
import type { Domain, RevertFlags } from "../../core/model/index.js";
import type { RevertOptions, RevertResult } from "../../core/operations/shared/results.js";
import { underHeadline } from "../command-error.js";
import { defineCommand, type CommandContext } from "../command-spec.js";
import type { BoolOption } from "../grammar/command-arguments.js";
import { changeOutput } from "./change-output.js";
import { bool, DOMAIN, SNAPSHOT_NAME } from "./common-options.js";
import { findSnapshot } from "./snapshot-argument.js";

export const snapshotRevert = defineCommand({
  name: "snapshot-revert",
  group: "snapshot",
  summary: "revert a domain to a snapshot",
  description:
    "Brings disks and memory back to what they were. What was written since then, and is not in\n" +
    "a snapshot itself, is lost.\n\n" +
    "With --keep-current the present state becomes a snapshot first, of a running guest with its\n" +
    "memory: 'before-revert-SECONDS' (the time, counting on if there is such a snapshot), each disk\n" +
    "kept in the way in which the snapshot keeps it. It stays also when the revert fails then.",
  options: [
    DOMAIN,
    SNAPSHOT_NAME,
    bool("current", "revert to the current snapshot"),
    bool("running", "leave the domain running afterwards"),
    bool("paused", "leave the domain paused afterwards"),
    bool("keep-current", "keep the present state as a snapshot first"),
    bool("force", "also do what is risky"),
    bool("reset-nvram", "start with a fresh firmware variable store"),
  ],
  examples: [
    { line: "domsnap snapshot-revert vm1 s1", summary: "Revert." },
    {
      line: "domsnap snapshot-revert vm1 s1 --keep-current",
      summary: "Revert, and be able to come back.",
    },
    { line: "domsnap snapshot-revert vm1 s1 --dry-run", summary: "Print what it would do." },
  ],
  changes: true,
  async run(context) {
    const domain = await context.domain();
    const name = await findSnapshot(context, domain);
    const result = await underHeadline(`Failed to revert snapshot ${name}`, () =>
      revertWithForce(
        context,
        domain,
        name,
        context.args.flags({
          running: "running",
          paused: "paused",
          "reset-nvram": "resetNvram",
        }),
        { keepCurrent: context.args.has("keep-current") },
      ),
    );
    const kept = result.kept === undefined ? "" : `The state before is kept as '${result.kept}'\n`;
    return changeOutput(result, `Domain snapshot ${name} reverted\n${kept}`, {
      name,
      ...(result.kept === undefined ? {} : { kept: result.kept }),
    });
  },
});

/** As virsh does, `--force` only comes into play when the revert was called risky without it. */
export async function revertWithForce(
  context: CommandContext<BoolOption<"force">>,
  domain: Domain,
  name: string,
  flags: RevertFlags,
  { keepCurrent = false }: Pick<RevertOptions, "keepCurrent"> = {},
): Promise<RevertResult> {
  const service = await context.service();
  const options = { ...context.changeOptions(), keepCurrent };
  try {
    return await service.revert(domain.uuid, name, flags, options);
  } catch (thrown) {
    const { code } = asDomsnapError(thrown);
    if (code !== "revert-risky" || !context.args.has("force")) throw thrown;
    return service.revert(domain.uuid, name, { ...flags, force: true }, options);
  }
}
