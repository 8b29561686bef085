/**
 * What a file beside an image is called until it has its place: `PATH.domsnap-PURPOSE-TOKEN`, with
 * the token of the plan that makes it (see `Evidence`). Private to domsnap: nobody else uses such
 * names, and a name alone is no licence to remove what has it.
 */
export function temporaryName(path: string, purpose: string, token: string): string {
  return `${path}.domsnap-${purpose}-${token}`;
}

const TEMPORARY = /\.domsnap-(?:new|[^/]+-[0-9a-f]{12})$/;

/** Whether a path is such a name, or what a file of xl is called while it is replaced. */
export function isTemporaryName(path: string): boolean {
  return TEMPORARY.test(path);
}
