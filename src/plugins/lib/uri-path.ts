import { DomsnapError } from "../../core/errors/index.js";

/**
 * The absolute path of a URI `SCHEME:///PATH`, percent signs decoded. Throws `invalid-argument`
 * for a URI with another scheme, a host, a query or a fragment, without a path, and for a path
 * that could not be that of a file.
 */
export function pathOfUri(uri: string, scheme: string): string {
  const encoded = new RegExp(`^${scheme}://(/[^?#]*)$`, "i").exec(uri)?.[1];
  const path = encoded === undefined ? undefined : tryDecode(encoded);
  if (path === undefined || path.includes("\0"))
    throw new DomsnapError("invalid-argument", `'${uri}' is not a URI ${scheme}:///PATH`);
  return path;
}

function tryDecode(encoded: string): string | undefined {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
