import { DomsnapError } from "../../core/errors/index.js";
import type { DomainRegistry } from "../../core/ports/index.js";
import type { CommandContext } from "../command-spec.js";

/** Where definitions are kept. Throws `no-support` when the toolstack keeps them elsewhere. */
export async function requireRegistry(
  { service }: CommandContext,
  call: string,
): Promise<DomainRegistry> {
  const { registry, uri } = await service();
  if (registry) return registry;
  throw new DomsnapError("no-support", call, {
    hint: `Use the toolstack's own tools: that of ${uri} keeps its definitions itself.`,
  });
}
