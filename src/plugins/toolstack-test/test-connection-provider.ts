import { inject, injectable } from "inversify";

import {
  MemoryPersistence,
  type Connection,
  type ConnectionProvider,
  type SnapshotStore,
} from "../../core/ports/index.js";
import { pathOfUri } from "../../host/uri-path.js";
import type { NodeDomain } from "./parse-node.js";

const SCHEME = "test";

/**
 * Opens `test:///default` and, with a `<node>` document of one's own, `test:///PATH`. Each
 * connection is a world of its own that ends with it.
 */
@injectable()
export class TestConnectionProvider implements ConnectionProvider {
  readonly schemes = [SCHEME];
  readonly summary = "libvirt's test driver, simulated: test:///default";

  constructor(@inject(MemoryPersistence) private readonly openPersistence: MemoryPersistence) {}

  /** Throws `invalid-argument` for a bad URI, and `xml-error` and others for a bad document. */
  async open(uri: string): Promise<Connection> {
    const path = pathOfUri(uri, SCHEME);
    const { readNode } = await import("./read-node.js");
    const domains = readNode(path);
    const { TestToolstack } = await import("./test-toolstack.js");
    const toolstack = new TestToolstack(uri, domains);
    const persistence = this.openPersistence();
    for (const domain of domains) await writeRecords(persistence.store, domain);
    return { toolstack, ...persistence, close: () => Promise.resolve() };
  }
}

async function writeRecords(store: SnapshotStore, domain: NodeDomain): Promise<void> {
  const { uuid } = domain.definition;
  for (const snapshot of domain.snapshots) await store.write(uuid, snapshot);
  if (domain.current !== undefined) await store.setCurrent(uuid, domain.current);
}
