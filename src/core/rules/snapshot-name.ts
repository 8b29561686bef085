import { DomsnapError } from "../errors/index.js";
import type { DriverRules } from "../model/driver-rules.js";

/**
 * Refuses names that a driver which keeps a file for each snapshot cannot hold. Throws
 * `xml-detail` (libvirt: QEMU driver; its generic code and test driver take any name).
 */
export function assertSnapshotName(name: string, rules: DriverRules): void {
  if (!rules.namesAreFileNames) return;
  if (name.includes("/")) throw invalidName(name, "name can't contain '/'");
  if (name.startsWith(".")) throw invalidName(name, "name can't start with '.'");
}

function invalidName(name: string, problem: string): DomsnapError {
  return new DomsnapError("xml-detail", `invalid snapshot name '${name}': ${problem}`, {
    hint: "Choose another name: it becomes the name of a file.",
  });
}

/**
 * The name of a new snapshot that was given none: its creation time in decimal seconds (libvirt:
 * snapshot XML format). Our own rules count on while a snapshot of that name exists; libvirt's
 * drivers then fail, which they find out later.
 */
export function defaultSnapshotName(
  nowSeconds: bigint,
  existingNames: { has(name: string): boolean },
  rules: DriverRules,
): string {
  let number = nowSeconds;
  if (rules.defaultName === "next-free-creation-time")
    while (existingNames.has(String(number))) number += 1n;
  return String(number);
}
