import {
  array,
  int,
  items,
  nothing,
  optional,
  struct,
  uhyper,
  uint,
  type Codec,
} from "../xdr/codec.js";
import { apiNameOf } from "./api-names.js";
import { procedure, type Access } from "./procedure.js";
import { domain, MAX_LIST, snapshot, text, typedParams, uuid } from "./types.js";

const names = array(text, MAX_LIST);
const flagged = struct({ domain, flags: uint });
const snapshotFlagged = struct({ snapshot, flags: uint });
const one = <Value>(value: Codec<Value>) => struct({ value });
const list = <Item>(item: Codec<Item>, count: Codec<number>) =>
  struct({ list: array(item, MAX_LIST), count });

/** An entry whose function is the one that libvirt's numbers tell. */
function call<Args, Result>(
  number: number,
  access: Access,
  args: Codec<Args>,
  result: Codec<Result>,
) {
  return procedure(number, apiNameOf(number) ?? `procedure ${number}`, args, result, access);
}

/**
 * The calls of program `remote` that domsnap speaks. Numbers, argument and result types are those of
 * libvirt's remote protocol, which never change. A new call is one line here; a daemon answers it
 * with one function of the same name.
 */
export const PROCEDURES = {
  authList: call(66, "any", nothing, one(array(uint, 20))),
  connectOpen: call(1, "any", struct({ name: optional(text), flags: uint }), nothing),
  connectClose: call(2, "any", nothing, nothing),
  connectSupportsFeature: call(60, "any", one(int), one(int)),
  connectGetType: call(3, "read", nothing, one(text)),
  connectGetVersion: call(4, "read", nothing, one(uhyper)),
  connectGetMaxVcpus: call(5, "read", one(optional(text)), one(int)),
  connectGetLibVersion: call(157, "read", nothing, one(uhyper)),
  connectGetHostname: call(59, "read", nothing, one(text)),
  connectGetUri: call(110, "read", nothing, one(text)),
  connectGetCapabilities: call(7, "read", nothing, one(text)),
  connectIsSecure: call(149, "read", nothing, one(int)),
  connectRegisterCloseCallback: call(360, "read", nothing, nothing),
  connectUnregisterCloseCallback: call(361, "read", nothing, nothing),
  nodeGetInfo: call(
    6,
    "read",
    nothing,
    struct({
      model: items(int, 32),
      memoryKib: uhyper,
      cpus: int,
      mhz: int,
      nodes: int,
      sockets: int,
      cores: int,
      threads: int,
    }),
  ),
  nodeGetFreeMemory: call(102, "read", nothing, one(uhyper)),

  connectListAllDomains: call(
    273,
    "read",
    struct({ needResults: int, flags: uint }),
    list(domain, uint),
  ),
  connectNumOfDomains: call(51, "read", nothing, one(int)),
  connectListDomains: call(37, "read", one(int), one(array(int, MAX_LIST))),
  connectNumOfDefinedDomains: call(25, "read", nothing, one(int)),
  connectListDefinedDomains: call(21, "read", one(int), one(names)),
  domainLookupById: call(22, "read", one(int), one(domain)),
  domainLookupByName: call(23, "read", one(text), one(domain)),
  domainLookupByUuid: call(24, "read", one(uuid), one(domain)),
  domainGetState: call(212, "read", flagged, struct({ state: int, reason: int })),
  domainGetInfo: call(
    16,
    "read",
    one(domain),
    struct({
      state: uint,
      maxMemoryKib: uhyper,
      memoryKib: uhyper,
      vcpus: uint,
      cpuTimeNs: uhyper,
    }),
  ),
  domainGetXmlDesc: call(14, "read", flagged, one(text)),
  domainGetOsType: call(19, "read", one(domain), one(text)),
  domainGetMaxMemory: call(17, "read", one(domain), one(uhyper)),
  domainGetVcpusFlags: call(200, "read", flagged, one(int)),
  domainGetMaxVcpus: call(18, "read", one(domain), one(int)),
  domainIsActive: call(150, "read", one(domain), one(int)),
  domainIsPersistent: call(151, "read", one(domain), one(int)),
  domainIsUpdated: call(202, "read", one(domain), one(int)),
  domainGetAutostart: call(15, "read", one(domain), one(int)),
  domainHasManagedSaveImage: call(183, "read", flagged, one(int)),
  domainCreate: call(9, "write", one(domain), nothing),
  domainCreateWithFlags: call(196, "write", flagged, one(domain)),
  domainDestroy: call(12, "write", one(domain), nothing),
  domainDestroyFlags: call(234, "write", flagged, nothing),
  domainShutdown: call(33, "write", one(domain), nothing),
  domainShutdownFlags: call(258, "write", flagged, nothing),
  domainSuspend: call(34, "write", one(domain), nothing),
  domainResume: call(28, "write", one(domain), nothing),
  domainDefineXml: call(11, "write", one(text), one(domain)),
  domainDefineXmlFlags: call(350, "write", struct({ xml: text, flags: uint }), one(domain)),
  domainUndefine: call(35, "write", one(domain), nothing),
  domainUndefineFlags: call(231, "write", flagged, nothing),

  domainSnapshotCreateXml: call(
    185,
    "write",
    struct({ domain, xml: text, flags: uint }),
    one(snapshot),
  ),
  domainSnapshotGetXmlDesc: call(186, "read", snapshotFlagged, one(text)),
  domainSnapshotNum: call(187, "read", flagged, one(int)),
  domainSnapshotListNames: call(188, "read", struct({ domain, max: int, flags: uint }), one(names)),
  domainSnapshotLookupByName: call(
    189,
    "read",
    struct({ domain, name: text, flags: uint }),
    one(snapshot),
  ),
  domainHasCurrentSnapshot: call(190, "read", flagged, one(int)),
  domainSnapshotCurrent: call(191, "read", flagged, one(snapshot)),
  domainRevertToSnapshot: call(192, "write", snapshotFlagged, nothing),
  domainSnapshotDelete: call(193, "write", snapshotFlagged, nothing),
  domainSnapshotGetParent: call(244, "read", snapshotFlagged, one(snapshot)),
  domainSnapshotNumChildren: call(246, "read", snapshotFlagged, one(int)),
  domainSnapshotListChildrenNames: call(
    247,
    "read",
    struct({ snapshot, max: int, flags: uint }),
    one(names),
  ),
  domainSnapshotIsCurrent: call(271, "read", snapshotFlagged, one(int)),
  domainSnapshotHasMetadata: call(272, "read", snapshotFlagged, one(int)),
  domainListAllSnapshots: call(
    274,
    "read",
    struct({ domain, needResults: int, flags: uint }),
    list(snapshot, int),
  ),
  domainSnapshotListAllChildren: call(
    275,
    "read",
    struct({ snapshot, needResults: int, flags: uint }),
    list(snapshot, int),
  ),

  domainGetJobInfo: call(
    163,
    "read",
    one(domain),
    struct({
      type: int,
      elapsedMs: uhyper,
      remainingMs: uhyper,
      dataTotal: uhyper,
      dataProcessed: uhyper,
      dataRemaining: uhyper,
      memoryTotal: uhyper,
      memoryProcessed: uhyper,
      memoryRemaining: uhyper,
      fileTotal: uhyper,
      fileProcessed: uhyper,
      fileRemaining: uhyper,
    }),
  ),
  domainGetJobStats: call(298, "read", flagged, struct({ type: int, params: typedParams })),
  domainAbortJob: call(164, "write", one(domain), nothing),
  domainAbortJobFlags: call(442, "write", flagged, nothing),

  connectDomainEventRegisterAny: call(
    316,
    "read",
    struct({ eventId: int, domain: optional(domain) }),
    one(int),
  ),
  connectDomainEventDeregisterAny: call(317, "read", one(int), nothing),
} as const;

/** The calls that domsnap speaks, by the names that they have here. */
export type ProcedureName = keyof typeof PROCEDURES;

/** The messages of program `remote` that domsnap sends or understands. */
export const EVENTS = {
  lifecycle: {
    number: 318,
    body: struct({ callbackId: int, domain, event: int, detail: int }),
  },
  jobCompleted: { number: 363, body: struct({ callbackId: int, domain, params: typedParams }) },
} as const;
