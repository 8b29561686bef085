import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { FileFact, FileProbe } from "../../../src/core/ports/index.js";

/** What stands at a path of this host. */
export function probeHostFile(path: string): FileFact {
  const fact = statSync(path, { throwIfNoEntry: false });
  if (!fact) return { kind: "absent" };
  if (fact.isFile()) return { kind: "regular", sizeBytes: fact.size };
  return { kind: fact.isBlockDevice() ? "block" : "other" };
}

/** A probe that remembers a folder as it is now, whatever is made in it later. */
export function rememberFolder(directory: string): FileProbe {
  const facts = new Map(
    readdirSync(directory).map((name) => [
      join(directory, name),
      probeHostFile(join(directory, name)),
    ]),
  );
  return (path) => {
    if (path.startsWith(`${directory}/`)) return facts.get(path) ?? { kind: "absent" };
    return probeHostFile(path);
  };
}
