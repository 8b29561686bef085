import { DomsnapError } from "../../src/core/errors/index.js";
import type { Domain, DomainSnapshot, SnapshotHead } from "../../src/core/model/index.js";
import type { CreateResult, SnapshotListing } from "../../src/core/operations/shared/results.js";
import type { SnapshotService } from "../../src/core/operations/snapshot-service.js";

export const STUB_DOMAIN: Domain = {
  name: "vm1",
  uuid: "11111111-2222-3333-4444-555555555555",
  state: "shutoff",
  persistent: true,
  definition: {
    type: "test",
    name: "vm1",
    uuid: "11111111-2222-3333-4444-555555555555",
    memoryKib: 1024n,
    pflashFirmware: false,
    disks: [],
    xml: "<domain type='test'/>",
  },
};

export function head(name: string, more: Partial<SnapshotHead> = {}): SnapshotHead {
  return { name, creationTime: 1_700_000_000n, state: "shutoff", disks: [], ...more };
}

export function listing(more: Partial<SnapshotListing> = {}): SnapshotListing {
  return { domain: STUB_DOMAIN, heads: [], orphans: new Set(), problems: [], ...more };
}

export function created(snapshot: DomainSnapshot, more: Partial<CreateResult> = {}): CreateResult {
  return { domain: STUB_DOMAIN, snapshot, plans: [], executed: true, warnings: [], ...more };
}

/** A service that knows one domain and does what the test gives it; all else is a failed test. */
export function stubService(calls: Partial<SnapshotService> = {}): SnapshotService {
  const unexpected = (): Promise<never> => Promise.reject(new Error("unexpected call"));
  return {
    uri: "stub:///",
    backends: [],
    savesMemoryLive: false,
    listDomains: () => Promise.resolve([STUB_DOMAIN]),
    listProblems: () => Promise.resolve([]),
    identify: (reference) => stubService(calls).findDomain(reference),
    glance: (reference) => stubService(calls).findDomain(reference),
    findDomain: (reference) =>
      reference === STUB_DOMAIN.name || reference === STUB_DOMAIN.uuid
        ? Promise.resolve(STUB_DOMAIN)
        : Promise.reject(
            new DomsnapError("no-domain", `no domain with matching name '${reference}'`),
          ),
    create: unexpected,
    list: unexpected,
    get: unexpected,
    getXml: unexpected,
    snapshotFolder: unexpected,
    info: unexpected,
    current: unexpected,
    parent: unexpected,
    delete: unexpected,
    revert: unexpected,
    undefine: unexpected,
    check: unexpected,
    repair: unexpected,
    prune: unexpected,
    recover: unexpected,
    abandon: unexpected,
    locks: unexpected,
    export: unexpected,
    import: unexpected,
    switchPower: unexpected,
    diskCapabilities: unexpected,
    close: () => Promise.resolve(),
    ...calls,
  };
}
