import {
  CREATE_FLAGS,
  DELETE_FLAGS,
  LIST_FLAGS,
  REVERT_FLAGS,
  type CreateFlag,
  type DeleteFlag,
  type ListFlag,
  type RevertFlag,
} from "./flags.js";
import type { ImageFormat } from "./storage.js";

/** What one API call of a driver takes; `functionName` is what libvirt calls it in its errors. */
export interface CallRules<Flag extends string> {
  readonly functionName: string;
  readonly flags: ReadonlySet<Flag>;
}

/**
 * The differences between libvirt's drivers (and ours) as data, so that one set of rules serves all.
 * `qemu` and `test` answer exactly as libvirt 9.0's drivers; `domsnap` starts from `qemu` and
 * lifts what our backends can do: each disk on its own, so that internal and external disks mix.
 */
export interface DriverRules {
  readonly name: "qemu" | "test" | "domsnap";
  readonly create: CallRules<CreateFlag>;
  readonly delete: CallRules<DeleteFlag>;
  readonly revert: CallRules<RevertFlag>;
  readonly list: CallRules<ListFlag>;

  /** Whether names become file names: no `/`, no leading dot. */
  readonly namesAreFileNames: boolean;
  /** Whether a request without memory is parsed as such: `<memory>` other than `no` is refused. */
  readonly parsesOffline: boolean;
  /** Set where a disk that asks for `manual` is refused, with the driver's text. */
  readonly manualRefusal?: string;
  /** A name that is taken already: refused, or (for a default name only) the next free number. */
  readonly defaultName: "creation-time" | "next-free-creation-time";
  /**
   * Whether a request is held against what the driver can do (domain state, live flag, storage
   * types, target files). The test driver only writes it down.
   */
  readonly checksFeasibility: boolean;
  /**
   * Whether the disks of a domain that is off are independent of each other: modes may differ
   * between them and any of them may be left out.
   */
  readonly offlineDisksStandAlone: boolean;
  /** The same for an active domain, whose memory is kept apart from its images. */
  readonly activeDisksStandAlone: boolean;
  /** Whether the next-boot definition of an active domain is recorded beside the live one. */
  readonly recordsInactiveDefinition: boolean;
  /** Formats that can hold internal snapshots; missing leaves it to the disk backends. */
  readonly internalFormats?: ReadonlySet<ImageFormat>;
  /** Formats that an external file may have; missing leaves it to the disk backends. */
  readonly externalFormats?: ReadonlySet<ImageFormat>;
  /** Given to an external disk without a format; missing leaves it to the disk backends. */
  readonly defaultExternalFormat?: ImageFormat;
  /** Whether there is a way back to a snapshot that keeps something in files of its own. */
  readonly revertsExternal: boolean;
  /** Whether external snapshots below a deleted one can go with it. */
  readonly deletesExternalDescendants: boolean;
}

/** libvirt 9.0's QEMU driver. */
export const qemuRules: DriverRules = {
  name: "qemu",
  create: { functionName: "qemuSnapshotCreateXML", flags: allOf(CREATE_FLAGS) },
  delete: { functionName: "qemuSnapshotDelete", flags: allOf(DELETE_FLAGS) },
  revert: { functionName: "qemuSnapshotRevert", flags: allOf(REVERT_FLAGS) },
  list: { functionName: "qemuDomainListAllSnapshots", flags: allOf(LIST_FLAGS) },
  namesAreFileNames: true,
  parsesOffline: true,
  defaultName: "creation-time",
  checksFeasibility: true,
  offlineDisksStandAlone: false,
  activeDisksStandAlone: false,
  recordsInactiveDefinition: true,
  internalFormats: new Set<ImageFormat>(["qcow2"]),
  externalFormats: new Set<ImageFormat>(["qcow2", "qed"]),
  defaultExternalFormat: "qcow2",
  revertsExternal: false,
  deletesExternalDescendants: false,
};

/** libvirt 9.0's test driver: a simulation that looks at no image. */
export const testRules: DriverRules = {
  name: "test",
  create: {
    functionName: "testDomainSnapshotCreateXML",
    flags: new Set(["redefine", "current", "halt", "quiesce", "atomic", "live", "validate"]),
  },
  delete: {
    functionName: "testDomainSnapshotDelete",
    flags: new Set(["children", "childrenOnly"]),
  },
  revert: {
    functionName: "testDomainRevertToSnapshot",
    flags: new Set(["running", "paused", "force"]),
  },
  list: { functionName: "testDomainListAllSnapshots", flags: allOf(LIST_FLAGS) },
  namesAreFileNames: false,
  parsesOffline: false,
  manualRefusal: "'manual' snapshot mode is not supported by the test driver",
  defaultName: "creation-time",
  checksFeasibility: false,
  offlineDisksStandAlone: false,
  activeDisksStandAlone: false,
  recordsInactiveDefinition: false,
  revertsExternal: true,
  deletesExternalDescendants: true,
};

/** domsnap with its own disk backends. */
export const domsnapRules: DriverRules = {
  name: "domsnap",
  create: { functionName: "snapshotCreate", flags: allOf(CREATE_FLAGS) },
  delete: { functionName: "snapshotDelete", flags: allOf(DELETE_FLAGS) },
  revert: { functionName: "snapshotRevert", flags: allOf(REVERT_FLAGS) },
  list: { functionName: "snapshotList", flags: allOf(LIST_FLAGS) },
  namesAreFileNames: true,
  parsesOffline: true,
  defaultName: "next-free-creation-time",
  checksFeasibility: true,
  offlineDisksStandAlone: true,
  activeDisksStandAlone: false,
  recordsInactiveDefinition: true,
  revertsExternal: true,
  deletesExternalDescendants: true,
};

/** domsnap on Xen, which keeps a guest's memory in a file of its own. */
export const domsnapXenRules: DriverRules = {
  ...domsnapRules,
  activeDisksStandAlone: true,
};

/** Whether the disks of a domain are independent of each other. */
export function disksStandAlone(rules: DriverRules, active: boolean): boolean {
  return active ? rules.activeDisksStandAlone : rules.offlineDisksStandAlone;
}

function allOf<Flag extends string>(table: Readonly<Record<Flag, number>>): ReadonlySet<Flag> {
  return new Set(Object.keys(table) as Flag[]);
}
