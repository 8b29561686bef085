import { readdirSync } from "node:fs";
import { join } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import { errnoOf, systemError } from "../../host/system-error.js";
import { RECORD_SUFFIX } from "./record-name.js";

const CANONICAL_UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where everything about one domain is kept, below a state folder. */
export interface DomainFolder {
  readonly path: string;
  /** Holds the name of the current snapshot. */
  readonly current: string;
  readonly journal: string;
  readonly lock: string;
  record(name: string): string;
  /** Where a journal is kept that was given up; nobody reads it as one. */
  abandonedJournal(when: Date): string;
}

const ABANDONED = /^journal\.abandoned-\d{8}T\d{9}Z$/;

/** Whether a file of a domain's folder is a journal that was given up. */
export function isAbandonedJournal(name: string): boolean {
  return ABANDONED.test(name);
}

/**
 * The paths of one domain. A uuid that is not canonical (lower case, with dashes) could lead out of
 * the state folder and is refused with `invalid-argument`. No path of these can be that of a
 * record: records end in `.xml`.
 */
export function domainFolder(stateFolder: string, domainUuid: string): DomainFolder {
  if (!CANONICAL_UUID.test(domainUuid))
    throw new DomsnapError("invalid-argument", `'${domainUuid}' is not a uuid`);
  const path = join(stateFolder, domainUuid);
  return {
    path,
    current: join(path, "current"),
    journal: join(path, "journal"),
    lock: join(path, "lock"),
    record: (name) => join(path, name + RECORD_SUFFIX),
    abandonedJournal: (when) =>
      join(path, `journal.abandoned-${when.toISOString().replace(/[-:.]/g, "")}`),
  };
}

/** Uuids of the domains that have a folder. Throws `system-error`. */
export function domainsBelow(stateFolder: string): string[] {
  try {
    return readdirSync(stateFolder).filter((name) => CANONICAL_UUID.test(name));
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw systemError(thrown, `cannot open directory '${stateFolder}'`);
  }
}
