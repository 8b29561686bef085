import { DomsnapError } from "../errors/index.js";
import type { Locator } from "./answer.js";

/**
 * Which names lead to where a domain's files may be: the folders of its own images, those of what
 * domsnap took itself, that of its records, and what the administrator names. Documents, bundles and
 * headers of images can name any file of the host: what lies elsewhere is neither written nor
 * removed, and no guest gets to read it.
 */
export class Trust {
  readonly #trusted: ReadonlySet<Locator>;

  /** `trusted`: of all names that were looked at, those that lead to such places only. */
  constructor(trusted: Iterable<Locator>) {
    this.#trusted = new Set(trusted);
  }

  has(locator: Locator): boolean {
    return this.#trusted.has(locator);
  }

  /** Throws `path-untrusted` with what would happen to the file; `isRecordOnly`: whether
   * it is enough to give up a record. */
  assert(locator: Locator, what: string, { isRecordOnly = false } = {}): void {
    if (this.has(locator)) return;
    const trusting = wayToTrust(locator);
    throw new DomsnapError(
      "path-untrusted",
      `'${locator}' would be ${what}, and lies outside of the folders of this domain`,
      {
        hint: isRecordOnly ? `${trusting} To give up the record alone, use --metadata.` : trusting,
      },
    );
  }
}

/** What to do about a file that is not trusted. */
export function wayToTrust(locator: Locator): string {
  const folder = locator.slice(0, locator.lastIndexOf("/")) || "/";
  return `Look at it: a document or the header of an image has named it. If it is the domain's, repeat with --trust-folder '${folder}'.`;
}
