import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The command line, as an argument of Node. */
export const CLI = join(root, "bin", "domsnap.cjs");

/** Runs `work` with a new folder, which is removed afterwards whatever happens. */
export async function withFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-bench-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Makes the folder the connection of one domain without snapshots, and gives its URI. */
export function defineGuest(folder) {
  const fixture = join(root, "fixtures", "libvirt-xml", "domains", "raw.xml");
  writeFileSync(join(folder, "guest.xml"), readFileSync(fixture));
  return pathToFileURL(folder).href;
}
