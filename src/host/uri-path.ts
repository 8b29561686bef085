import { statSync } from "node:fs";
import { normalize } from "node:path";

import { DomsnapError } from "../core/errors/index.js";

/**
 * The absolute path of a URI `SCHEME:///PATH`, percent signs decoded. Throws `invalid-argument`
 * for a URI with another scheme, a host, a query or a fragment, without a path, and for a path
 * that could not be that of a file.
 */
export function pathOfUri(uri: string, scheme: string): string {
  // A scheme may hold `+` and `.`.
  const literal = scheme.replace(/[+.]/g, "\\$&");
  const encoded = new RegExp(`^${literal}://(/[^?#]*)$`, "i").exec(uri)?.[1];
  const path = encoded === undefined ? undefined : tryDecode(encoded);
  if (path === undefined || path.includes("\0"))
    throw new DomsnapError("invalid-argument", `'${uri}' is not a URI ${scheme}:///PATH`, {
      hint: `Write three slashes and the whole path, as in '${scheme}:///srv/guests'.`,
    });
  return path;
}

/** The existing folder of a URI `SCHEME:///FOLDER`. Throws `invalid-argument` for anything else. */
export function folderOfUri(uri: string, scheme: string): string {
  const folder = normalize(pathOfUri(uri, scheme));
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder;
  throw new DomsnapError("invalid-argument", `'${folder}' is not a folder`, {
    hint: `Run mkdir -p '${folder}' first.`,
  });
}

function tryDecode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
