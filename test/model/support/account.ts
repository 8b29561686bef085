import type { Content } from "./cells.js";
import { demand } from "./violation.js";

/** By target. */
export type Contents = ReadonlyMap<string, Content>;

/** What one domain has to have: the plain account that the real thing is compared with. */
export interface DomainAccount {
  /** What its disks hold now. */
  present: Contents;
  /** What its snapshots hold. */
  held: Map<string, Contents>;
}

/** By domain. */
export type Account = Map<string, DomainAccount>;

export function copyOf(account: Account): Account {
  return new Map(
    [...account].map(([domain, { present, held }]) => [domain, { present, held: new Map(held) }]),
  );
}

/** Throws a `Violation` where what was found is not what has to be. */
export function compare(wanted: Account, found: Account): void {
  sameNames("domains", wanted, found);
  for (const [domain, { present, held }] of wanted) {
    const there = found.get(domain);
    sameNames(`snapshots of '${domain}'`, held, there?.held ?? new Map());
    for (const [name, contents] of held)
      sameContents(`snapshot '${name}' of '${domain}'`, contents, there?.held.get(name));
    sameContents(`domain '${domain}'`, present, there?.present);
  }
}

/** Of a disk that nobody could read, because its file is away for a while. */
export const AWAY: Content = "away";

function sameContents(whose: string, wanted: Contents, found: Contents = new Map()): void {
  sameNames(`disks of ${whose}`, wanted, found);
  for (const [target, content] of wanted) {
    const there = found.get(target);
    if (there === AWAY) continue;
    demand(there === content, () => `${whose}, ${target}: is [${String(there)}], was [${content}]`);
  }
}

function sameNames(
  what: string,
  wanted: ReadonlyMap<string, unknown>,
  found: ReadonlyMap<string, unknown>,
): void {
  const [are, were] = [found, wanted].map((map) => [...map.keys()].sort().join(" "));
  demand(are === were, () => `${what}: are [${String(are)}], were [${String(were)}]`);
}
