import {
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  closeSync,
  fstatSync,
  readSync,
} from "node:fs";

import { identifyProcess, type ProcessIdentity } from "../../host/process-facts.js";

const LOG = /^\/var\/log\/xen\/xl-.*\.log/;
/** What xl writes when it begins to watch a domain, also when it has made it anew. */
const WATCHES = /Waiting for domain .* \(domid (\d+)\) to die \[pid (\d+)\]/g;
const TAIL_BYTES = 64 * 1024;

/**
 * Does something during which a domain is suspended for a while, unseen by the xl that watches it.
 * `xl create` and `xl restore` leave a process in dom0 that makes the domain anew when it reboots
 * and cleans up when it ends. A domain that is suspended is for that process one that has ended (in
 * 4.17 it says "Domain has suspended. Done. Exiting now"), and the next reboot would find nobody.
 * It looks only when it is told that something has changed; so it sleeps meanwhile, and finds the
 * domain as it knew it. A domain that nobody watches (libvirt's, `xl create -e`) is fine, too.
 */
export async function unseenByXl<Result>(id: number, work: () => Promise<Result>): Promise<Result> {
  signalWatchers(id, "SIGSTOP");
  try {
    return await work();
  } finally {
    wakeWatchers(id);
  }
}

/** The processes that `unseenByXl` puts to sleep. */
export function watchersOf(id: number): ProcessIdentity[] {
  return findWatchers(id).flatMap((pid) => identifyProcess(pid) ?? []);
}

/** Wakes those whom a killed process has put to sleep. */
export function wakeWatchers(id: number): void {
  signalWatchers(id, "SIGCONT");
}

/**
 * The process of an xl that watches a domain of this name, if there is one. While the domain is not
 * listed, such a process is about to make it anew, or to end.
 */
export function findXlOf(domainName: string): number | undefined {
  const log = `/var/log/xen/xl-${domainName}.log`;
  return listProcesses().find((pid) => {
    const written = logOf(pid);
    return written === log || written?.replace(/\.\d+$/, "") === log;
  });
}

/** Wakes one that a killed process has put to sleep; nothing happens to one that is awake. */
export function wakeXl(pid: number): void {
  send(pid, "SIGCONT");
}

function signalWatchers(id: number, signal: NodeJS.Signals): void {
  for (const pid of findWatchers(id)) send(pid, signal);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}

function findWatchers(id: number): number[] {
  return listProcesses().filter((pid) => watchedBy(pid) === id);
}

function listProcesses(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The domain that an xl in the background watches, from the log that it writes. */
function watchedBy(pid: number): number | undefined {
  const log = logOf(pid);
  try {
    return log === undefined ? undefined : lastWatched(readTail(log), pid);
  } catch {
    return undefined;
  }
}

/** The log that an xl in the background writes. */
function logOf(pid: number): string | undefined {
  try {
    if (readFileSync(`/proc/${pid}/comm`, "utf8").trim() !== "xl") return undefined;
    const log = readlinkSync(`/proc/${pid}/fd/1`);
    return LOG.test(log) ? log : undefined;
  } catch {
    // It has just ended.
    return undefined;
  }
}

/** The domain that a process has begun to watch last, from the log of xl. */
export function lastWatched(log: string, pid: number): number | undefined {
  const own = [...log.matchAll(WATCHES)].filter((words) => words[2] === String(pid));
  const last = own.at(-1)?.[1];
  return last === undefined ? undefined : Number(last);
}

function readTail(path: string): string {
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("latin1");
  } finally {
    closeSync(fd);
  }
}
