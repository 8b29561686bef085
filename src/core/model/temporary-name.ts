const TOKEN_DIGITS = 12;

/** A token that no other plan and no other export has; see `Evidence.token`. */
export function newToken(): string {
  return crypto.randomUUID().replaceAll("-", "").slice(0, TOKEN_DIGITS);
}

/**
 * What a file beside an image is called until it has its place: `PATH.domsnap-PURPOSE-TOKEN`, with
 * the token of the plan or of the export that makes it (see `Evidence`). Private to domsnap: nobody
 * else uses such names, and a name alone is no licence to remove what has it.
 */
export function temporaryName(path: string, purpose: string, token: string): string {
  return `${path}.domsnap-${purpose}-${token}`;
}

/** Parts of overlays (`part-a`, `part-b`) have such names, too, and hold what a guest has written. */
const TEMPORARY = /\.domsnap-(?:partial|staged|tmp)-([0-9a-f]{12})$/;

/** Whether a path is such a name, of a file that is not complete and holds nothing else. */
export function isTemporaryName(path: string): boolean {
  return TEMPORARY.test(path);
}

/** The token in such a name; undefined for other paths. */
export function tokenOf(path: string): string | undefined {
  return TEMPORARY.exec(path)?.[1];
}
