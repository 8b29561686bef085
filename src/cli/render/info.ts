import { safeText } from "./display-text.js";

/** Lines of a label, padded to 15 columns, and a value, as `virsh snapshot-info` prints them. */
export function formatInfo(fields: readonly (readonly [label: string, value: string])[]): string {
  return fields.map(([label, value]) => `${`${label}:`.padEnd(15)} ${safeText(value)}\n`).join("");
}
