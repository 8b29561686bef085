import { oldestFirst, type SnapshotHead } from "../model/index.js";

/** How many snapshots to keep, by the rules of restic's and borg's `prune`. */
export interface RetentionPolicy {
  /** The newest ones. */
  readonly last?: number;
  /** The newest one of each hour, for so many hours that have one; and so on. */
  readonly hourly?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
}
export type RetentionRule = keyof RetentionPolicy;

/** What becomes of one snapshot. */
export interface RetentionChoice {
  readonly name: string;
  readonly creationTime: bigint;
  /** The rules that keep it; none: it goes. */
  readonly keptBy: readonly RetentionRule[];
}

type Candidate = Pick<SnapshotHead, "name" | "creationTime">;

/** Two snapshots of one bucket are one to the rule; local time, as people read it. */
const BUCKETS: Readonly<Record<RetentionRule, (time: Date, name: string) => string>> = {
  last: (_time, name) => name,
  hourly: (time) => `${dayOf(time)} ${time.getHours()} ${time.getTimezoneOffset()}`,
  daily: dayOf,
  weekly: (time) => dayOf(mondayOf(time)),
  monthly: (time) => `${time.getFullYear()}-${time.getMonth()}`,
};
export const RETENTION_RULES = Object.keys(BUCKETS) as readonly RetentionRule[];

/**
 * Chooses which snapshots stay, newest first. Each rule walks from the newest to the oldest and
 * keeps the newest of each hour, day, week (from Monday) or month until it has kept as many as it
 * may; a snapshot stays if any rule keeps it.
 */
export function chooseRetained(
  candidates: readonly Candidate[],
  policy: RetentionPolicy,
): RetentionChoice[] {
  const newestFirst = [...candidates].sort(oldestFirst).reverse();
  const kept = new Map<RetentionRule, Set<string>>();
  for (const rule of RETENTION_RULES) kept.set(rule, new Set());
  return newestFirst.map(({ name, creationTime }) => {
    const time = new Date(Number(creationTime) * 1000);
    const keptBy = RETENTION_RULES.filter((rule) => {
      const buckets = kept.get(rule) ?? new Set();
      const bucket = BUCKETS[rule](time, name);
      if (buckets.has(bucket) || buckets.size >= (policy[rule] ?? 0)) return false;
      buckets.add(bucket);
      return true;
    });
    return { name, creationTime, keptBy };
  });
}

/**
 * The labels of a snapshot: lines `label: NAME` of its description. They are part of libvirt's
 * document, so they survive every export, and snapshots taken by hand have none.
 */
export function labelsOf({ description = "" }: Pick<SnapshotHead, "description">): string[] {
  return description
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith(LABEL_MARK))
    .map((line) => line.slice(LABEL_MARK.length).trim())
    .filter((label) => label !== "");
}

const LABEL_MARK = "label:";

function dayOf(time: Date): string {
  return `${time.getFullYear()}-${time.getMonth()}-${time.getDate()}`;
}

function mondayOf(time: Date): Date {
  const daysSinceMonday = (time.getDay() + 6) % 7;
  return new Date(time.getFullYear(), time.getMonth(), time.getDate() - daysSinceMonday);
}
