import { readdirSync, readFileSync, statSync } from "node:fs";

/** A process of this host that has a file open. */
export interface OpenFileUser {
  readonly pid: number;
  /** Name of its program, as the kernel keeps it. */
  readonly name: string;
}

/**
 * Other processes that have one of some files open, by device and inode, so that neither a link nor
 * another mount hides one. Sees what the caller may see: all of them as root.
 */
export function findOpenFileUsers(paths: readonly string[]): OpenFileUser[] {
  const wanted = new Set(paths.map(identityOf).filter((id) => id !== undefined));
  if (wanted.size === 0) return [];
  return listNames("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => hasOpen(pid, wanted))
    .map((pid) => ({ pid: Number(pid), name: nameOf(pid) }));
}

function hasOpen(pid: string, wanted: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  return listNames(folder).some((fd) => wanted.has(identityOf(`${folder}/${fd}`) ?? ""));
}

function identityOf(path: string): string | undefined {
  try {
    const stats = statSync(path, { bigint: true });
    return stats.isFile() || stats.isBlockDevice() ? `${stats.dev}:${stats.ino}` : undefined;
  } catch {
    // Gone meanwhile, or not ours to look at.
    return undefined;
  }
}

function nameOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "a process that has ended";
  }
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
