import { createHash } from "node:crypto";

/** A manifest that says something else, with the checksum that belongs to it. */
export function resealed(
  manifest: string,
  change: (json: Record<string, unknown>) => unknown,
): string {
  const { sha256: _old, ...json } = JSON.parse(manifest) as Record<string, unknown>;
  change(json);
  const covered = `${JSON.stringify(json, undefined, 2).slice(0, -2)},\n`;
  const sha256 = createHash("sha256").update(covered).digest("hex");
  return `${covered}  "sha256": "${sha256}"\n}\n`;
}
