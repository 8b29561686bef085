import { BackendRegistry } from "../plan/backend-registry.js";
import { ImageInspectors } from "../plan/image-inspectors.js";
import type { DiskBackend, DomainRegistry, ImageInspector, ImageLocks } from "../ports/index.js";
import { identify, readDomain, type ServiceContext } from "./shared/context.js";
import { checkDomains, repairDomain } from "./check/check-domain.js";
import { createSnapshot, takeSnapshot } from "./create/create-snapshot.js";
import { abandonChange } from "./domain/abandon-change.js";
import { defineDomain } from "./domain/define-domain.js";
import { deleteSnapshot } from "./delete/delete-snapshot.js";
import { diskCapabilities } from "./look/disk-capabilities.js";
import {
  currentSnapshot,
  listSnapshots,
  parentOfSnapshot,
  snapshotInfo,
} from "./look/list-snapshots.js";
import { exportSnapshots } from "./exchange/export-snapshots.js";
import { importSnapshots } from "./exchange/import-snapshots.js";
import { pruneSnapshots } from "./delete/prune-snapshots.js";
import { listLocks, recoverDomains } from "./domain/recover-domains.js";
import { revertToSnapshot } from "./revert/revert-snapshot.js";
import { undefineDomain } from "./domain/undefine-domain.js";
import { switchPower } from "./domain/switch-power.js";
import { ClaimedImages } from "./shared/claimed-images.js";
import { StateStorages } from "./shared/state-storages.js";
import type { ServiceOptions } from "./shared/results.js";
import type { SnapshotService } from "./snapshot-service.js";

/** What a service is made of. */
export interface ServiceParts extends Omit<
  ServiceContext,
  "backends" | "inspectors" | "storages" | "trustedFolders" | "claimed"
> {
  readonly imageLocks: ImageLocks;
  /** All that are registered, in any order. */
  readonly backends: readonly DiskBackend[];
  readonly inspectors: readonly ImageInspector[];
}

/**
 * The use cases, bound to one connection. Holds no state of its own. Throws `plugin-conflict` when
 * two disk backends have the same id, `invalid-argument` when `options` name one that there is not.
 */
export function createSnapshotService(
  parts: ServiceParts,
  options: ServiceOptions = {},
): SnapshotService {
  const backends = new BackendRegistry(parts.backends, options.backends?.default);
  const storages = new StateStorages(backends.all.flatMap(({ storage }) => storage ?? []));
  const files = storages.over(parts.files);
  return serviceOf({
    ...parts,
    backends,
    storages,
    files,
    claimed: new ClaimedImages(parts.imageLocks, files, parts.connection),
    inspectors: new ImageInspectors(parts.inspectors),
    trustedFolders: options.trustedFolders ?? [],
  });
}

function serviceOf(context: ServiceContext): SnapshotService {
  const { toolstack, store } = context.connection;
  const get: SnapshotService["get"] = async (domain, name) =>
    store.read((await readDomain(context, domain)).domain.uuid, name);
  return {
    uri: toolstack.uri,
    ...registryOf(context),
    backends: toolstack.touchesImages ? context.backends.all : [],
    savesMemoryLive: toolstack.live?.savesMemoryLive === true,
    listDomains: () => toolstack.listDomains(),
    listProblems: async () => (await toolstack.listProblems?.()) ?? [],
    findDomain: (domain) => toolstack.findDomain(domain),
    identify: (domain) => identify(context, domain),
    glance: (domain) => toolstack.glance?.(domain) ?? toolstack.findDomain(domain),
    create: (...args) => createSnapshot(context, ...args),
    list: (...args) => listSnapshots(context, ...args),
    get,
    getXml: async (domain, name, options) =>
      context.documents.formatSnapshot(await get(domain, name), options),
    snapshotFolder: async (domain) => store.folder?.((await identify(context, domain)).uuid),
    info: (...args) => snapshotInfo(context, ...args),
    current: (domain) => currentSnapshot(context, domain),
    parent: (...args) => parentOfSnapshot(context, ...args),
    delete: (...args) => deleteSnapshot(context, ...args),
    revert: (...args) => revertToSnapshot(context, takeSnapshot, ...args),
    check: (...args) => checkDomains(context, ...args),
    repair: (...args) => repairDomain(context, ...args),
    prune: (...args) => pruneSnapshots(context, ...args),
    recover: (...args) => recoverDomains(context, ...args),
    abandon: (...args) => abandonChange(context, ...args),
    locks: () => listLocks(context),
    undefine: (...args) => undefineDomain(context, ...args),
    export: (...args) => exportSnapshots(context, ...args),
    import: (...args) => importSnapshots(context, ...args),
    switchPower: (...args) => switchPower(context, ...args),
    diskCapabilities: (domain) => diskCapabilities(context, domain),
    close: () => context.connection.close(),
  };
}

function registryOf(context: ServiceContext): { readonly registry?: DomainRegistry } {
  const { registry } = context.connection.toolstack;
  if (!registry) return {};
  return {
    registry: {
      define: (xml) => defineDomain(context, registry, xml),
      undefine: (domainUuid) => registry.undefine(domainUuid),
    },
  };
}
