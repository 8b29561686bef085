import { DomsnapError } from "../core/errors/index.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { LIBVIRT_CALLS } from "../core/operations/domain/power-action.js";

/** The same service for `--readonly`: every change is refused with libvirt's message. */
export function readOnlyService(service: SnapshotService): SnapshotService {
  const { registry } = service;
  return {
    uri: service.uri,
    ...(registry && {
      registry: { define: refuse("virDomainDefineXML"), undefine: refuse("virDomainUndefine") },
    }),
    backends: service.backends,
    savesMemoryLive: service.savesMemoryLive,
    listDomains: () => service.listDomains(),
    listProblems: () => service.listProblems(),
    findDomain: (domain) => service.findDomain(domain),
    identify: (domain) => service.identify(domain),
    glance: (domain) => service.glance(domain),
    create: refuse("virDomainSnapshotCreateXML"),
    delete: refuse("virDomainSnapshotDelete"),
    revert: refuse("virDomainRevertToSnapshot"),
    list: (domain, query) => service.list(domain, query),
    get: (domain, name) => service.get(domain, name),
    getXml: (domain, name, options) =>
      options?.secure
        ? Promise.reject(denied("virDomainSnapshotGetXMLDesc with secure flag"))
        : service.getXml(domain, name, options),
    snapshotFolder: (domain) => service.snapshotFolder(domain),
    info: (domain, name) => service.info(domain, name),
    current: (domain) => service.current(domain),
    parent: (domain, name) => service.parent(domain, name),
    undefine: refuse("virDomainUndefine"),
    check: (domain) => service.check(domain),
    repair: refuse("repair"),
    prune: refuse("virDomainSnapshotDelete"),
    recover: refuse("recovery"),
    abandon: refuse("recovery"),
    locks: () => service.locks(),
    export: (...args) => service.export(...args),
    import: refuse("the import of snapshots"),
    switchPower: (_domain, { verb }) => refuse(LIBVIRT_CALLS[verb])(),
    diskCapabilities: (domain) => service.diskCapabilities(domain),
    close: () => service.close(),
  };
}

function refuse(call: string): () => Promise<never> {
  return () => Promise.reject(denied(`read only access prevents ${call}`));
}

function denied(detail: string): DomsnapError {
  return new DomsnapError("operation-denied", detail);
}
