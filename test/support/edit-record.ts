import { readFileSync, writeFileSync } from "node:fs";

/** Changes a record by hand and says so in it: without that it is not read any more. */
export function editRecord(path: string, change: (text: string) => string): void {
  const changed = change(readFileSync(path, "utf8"));
  writeFileSync(path, changed.replace(/^Checksum: .*$/m, "Checksum: none"));
}
