import { usageError } from "../command-error.js";
import type { CommandContext } from "../command-spec.js";
import type { BoolOption, TextOption } from "../grammar/command-arguments.js";
import type { DomainName } from "../../core/model/index.js";

type Context = CommandContext<TextOption<"snapshotname"> | BoolOption<"current">>;

/**
 * The snapshot that `--snapshotname` or `--current` means, as virsh looks it up: exactly one of the
 * two, and it exists. Throws virsh's messages.
 */
export async function findSnapshot(context: Context, domain: DomainName): Promise<string> {
  if (context.args.text("snapshotname") !== undefined && context.args.has("current"))
    throw usageError("--snapshotname and --current are mutually exclusive");
  return findNamedOrCurrent(context, domain);
}

/** As `findSnapshot`, but a name wins over `--current`. */
export async function findNamedOrCurrent(
  { args, service }: Context,
  domain: DomainName,
): Promise<string> {
  const name = args.text("snapshotname");
  if (name === undefined) {
    if (args.has("current")) return (await service()).current(domain.uuid);
    throw usageError("--snapshotname or --current is required");
  }
  return (await (await service()).info(domain.uuid, name)).head.name;
}
