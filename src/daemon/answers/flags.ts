import { DomsnapError } from "../../core/errors/index.js";
import type { Caller } from "./answer.js";

/**
 * Refuses bits that a function does not have, all of them in one number, as libvirt's drivers do.
 * `name` is the function without the driver's prefix: `DomainGetState`.
 */
export function assertFlags(
  { hypervisor }: Pick<Caller, "hypervisor">,
  name: string,
  flags: number,
  known = 0,
): void {
  const unknown = (flags & ~known) >>> 0;
  if (unknown === 0) return;
  const hex = unknown.toString(16);
  const { functionPrefix } = hypervisor.driver;
  throw new DomsnapError(
    "invalid-flags",
    `unsupported flags (0x${hex}) in function ${functionPrefix}${name}`,
  );
}
