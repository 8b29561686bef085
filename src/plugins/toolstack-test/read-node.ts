import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import { strerror } from "../../host/system-error.js";
import { DEFAULT_NODE } from "./default-domain.js";
import { parseNode, type NodeDomain } from "./parse-node.js";

/**
 * The domains of a `<node>` document: `/default` is the one that comes with libvirt's test driver.
 * Throws `invalid-argument` for no path, and `xml-error` and others for a bad document.
 */
export function readNode(path: string): NodeDomain[] {
  if (path === "/")
    throw new DomsnapError("invalid-argument", "testOpen: supply a path or use test:///default");
  if (path === "/default") return parseNode(DEFAULT_NODE, readDocument);
  return parseNode(readDocument(path), (file) => readDocument(resolve(dirname(path), file)));
}

function readDocument(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new DomsnapError("xml-error", `failed to parse xml document '${path}'`, {
      cause: thrown,
      hint: `Make the file readable: ${strerror(thrown)}.`,
    });
  }
}
