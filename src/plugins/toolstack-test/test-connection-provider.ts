import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { inject, injectable } from "inversify";

import { DomsnapError } from "../../core/errors/index.js";
import {
  MemoryPersistence,
  type Connection,
  type ConnectionProvider,
  type SnapshotStore,
} from "../../core/ports/index.js";
import { strerror } from "../lib/system-error.js";
import { pathOfUri } from "../lib/uri-path.js";
import { DEFAULT_NODE } from "./default-domain.js";
import { parseNode, type NodeDomain } from "./parse-node.js";
import { TestToolstack } from "./test-toolstack.js";

const SCHEME = "test";

/**
 * Opens `test:///default` and, with a `<node>` document of one's own, `test:///PATH`. Each
 * connection is a world of its own that ends with it.
 */
@injectable()
export class TestConnectionProvider implements ConnectionProvider {
  readonly schemes = [SCHEME];

  constructor(@inject(MemoryPersistence) private readonly openPersistence: MemoryPersistence) {}

  /** Throws `invalid-argument` for a bad URI, and `xml-error` and others for a bad document. */
  async open(uri: string): Promise<Connection> {
    const domains = readNode(pathOfUri(uri, SCHEME));
    const toolstack = new TestToolstack(uri, domains);
    const persistence = this.openPersistence();
    for (const domain of domains) await writeRecords(persistence.store, domain);
    return { toolstack, ...persistence, close: () => Promise.resolve() };
  }
}

function readNode(path: string): NodeDomain[] {
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
      hint: `The file cannot be read: ${strerror(thrown)}.`,
    });
  }
}

async function writeRecords(store: SnapshotStore, domain: NodeDomain): Promise<void> {
  const { uuid } = domain.definition;
  for (const snapshot of domain.snapshots) await store.write(uuid, snapshot);
  if (domain.current !== undefined) await store.setCurrent(uuid, domain.current);
}
