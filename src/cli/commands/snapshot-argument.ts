import { usageError } from "../command-error.js";
import type { CommandContext } from "../command-spec.js";
import type { Domain } from "../../core/model/index.js";

/**
 * The snapshot that `--snapshotname` (or another option) or `--current` means, as virsh looks it
 * up: exactly one of the two, and it exists. Throws virsh's messages.
 */
export async function findSnapshot(
  context: CommandContext,
  domain: Domain,
  option = "snapshotname",
): Promise<string> {
  if (context.args.text(option) !== undefined && context.args.has("current"))
    throw usageError(`--${option} and --current are mutually exclusive`);
  return findNamedOrCurrent(context, domain, option);
}

/** As `findSnapshot`, but a name wins over `--current`. */
export async function findNamedOrCurrent(
  { args, service }: CommandContext,
  domain: Domain,
  option = "snapshotname",
): Promise<string> {
  const name = args.text(option);
  if (name === undefined) {
    if (args.has("current")) return (await service()).current(domain.uuid);
    throw usageError(`--${option} or --current is required`);
  }
  return (await (await service()).info(domain.uuid, name)).head.name;
}
