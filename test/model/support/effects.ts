import type { Account, Contents, DomainAccount } from "./account.js";
import { copyOf } from "./account.js";
import type { SnapshotRecord } from "./reading/records.js";
import { demand } from "./violation.js";

/** A command that succeeded, and the world around it. */
export interface Success {
  /** From the verb on. */
  readonly words: readonly string[];
  /** What `--json` told. */
  readonly data: unknown;
  /** Records before it, by domain. */
  readonly records: ReadonlyMap<string, ReadonlyMap<string, SnapshotRecord>>;
  readonly before: Account;
  /** What is there now. */
  readonly found: Account;
}

/** What has to be there after a command that succeeded. */
export function accountAfter(success: Success): Account {
  const { words, before } = success;
  const [verb = "", domain = ""] = words;
  const account = copyOf(before);
  if (words.includes("--dry-run")) return account;
  const own = account.get(domain);
  const effect = EFFECTS[verb];
  if (effect && own) effect(own, success, account);
  if (verb === "import") adoptSnapshots(account, success.found);
  return account;
}

type Effect = (own: DomainAccount, success: Success, account: Account) => void;

const EFFECTS: Readonly<Record<string, Effect>> = {
  "snapshot-create-as": create,
  "snapshot-create"(own, success, account) {
    if (success.words.includes("--redefine")) adoptSnapshots(account, success.found);
    else create(own, success);
  },
  "snapshot-revert": revert,
  "snapshot-delete"(own, { words, records }) {
    const [, domain = "", name = ""] = words;
    const all = records.get(domain) ?? new Map<string, SnapshotRecord>();
    const below = words.some((word) => word.startsWith("--children")) ? descendants(all, name) : [];
    for (const gone of below) own.held.delete(gone);
    if (!words.includes("--children-only")) own.held.delete(name);
  },
  rename(own, { words }) {
    const [, , old = "", name = ""] = words;
    move(own.held, old, name);
    if (old !== name) own.held.delete(old);
  },
  clone(own, { words }) {
    const [, , old = "", name = ""] = words;
    move(own.held, old, name);
  },
  prune(own, { data }) {
    for (const gone of (data as { readonly removed: readonly string[] }).removed)
      own.held.delete(gone);
  },
  undefine(_own, { words }, account) {
    account.delete(words[1] ?? "");
  },
};

function create(own: DomainAccount, { words, data }: Success): void {
  const { snapshot } = data as { readonly snapshot: ToldSnapshot };
  const taken = snapshot.disks.filter(({ mode }) => mode === "internal" || mode === "external");
  for (const [target, mode] of wishesIn(words))
    demand(
      snapshot.disks.some((disk) => disk.name === target && disk.mode === mode),
      () => `disk '${target}' of '${snapshot.name}' was to be ${mode}`,
    );
  if (words.includes("--no-metadata")) return;
  own.held.set(
    snapshot.name,
    pick(
      own.present,
      taken.map(({ name }) => name),
    ),
  );
}

interface ToldSnapshot {
  readonly name: string;
  readonly disks: readonly { readonly name: string; readonly mode: string }[];
}

/** `--diskspec vda,snapshot=external` as `[vda, external]`. */
function wishesIn(words: readonly string[]): [target: string, mode: string][] {
  return words.flatMap((word): [string, string][] => {
    const [, target, mode] = /^(\w+),(?:.*,)?snapshot=(\w+)/.exec(word) ?? [];
    return target === undefined || mode === undefined ? [] : [[target, mode]];
  });
}

/** Disks that the snapshot does not cover go on with what they have. */
function revert(own: DomainAccount, { words, data, found }: Success): void {
  const [, domain = "", name = ""] = words;
  const { kept } = data as { readonly kept?: string };
  if (kept !== undefined) own.held.set(kept, own.present);
  const held = own.held.get(name) ?? new Map<string, string>();
  const there = found.get(domain)?.present ?? new Map<string, string>();
  own.present = new Map(
    [...there].map(([target, content]) => [
      target,
      held.get(target) ?? own.present.get(target) ?? content,
    ]),
  );
  for (const target of held.keys())
    demand(there.has(target), () => `'${domain}' has no disk '${target}' after the revert`);
}

/** What came from outside holds what it holds. */
function adoptSnapshots(account: Account, found: Account): void {
  for (const [domain, { present, held }] of found) {
    const own = account.get(domain);
    if (!own) account.set(domain, { present, held: new Map(held) });
    else for (const [name, contents] of held) if (!own.held.has(name)) own.held.set(name, contents);
  }
}

function move(held: Map<string, Contents>, old: string, name: string): void {
  const contents = held.get(old);
  if (contents) held.set(name, contents);
}

export function descendants(records: ReadonlyMap<string, SnapshotRecord>, name: string): string[] {
  const children = [...records.values()].filter(({ parent }) => parent === name);
  return children.flatMap((child) => [child.name, ...descendants(records, child.name)]);
}

function pick(contents: Contents, targets: readonly string[]): Contents {
  return new Map([...contents].filter(([target]) => targets.includes(target)));
}
