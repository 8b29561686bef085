import { ERROR_DOMAIN } from "./failure.js";

/** How a connection shows itself to clients of libvirt. */
export interface Driver {
  /** What virConnectGetType gives; clients know hypervisors by it. */
  readonly type: string;
  /** What the names of the driver's functions begin with, in errors about flags. */
  readonly functionPrefix: string;
  /** Who reports its errors; libvirt: virErrorDomain. */
  readonly errorDomain: number;
  /** libvirt's names for the domains' type and for the kinds of guests, in its capabilities. */
  readonly domainType: string;
  readonly osTypes: readonly string[];
  /** The hypervisor's version where it is always the same. */
  readonly version?: bigint;
}

const BY_SCHEME: Readonly<Record<string, Driver>> = {
  xen: {
    type: "Xen",
    functionPrefix: "libxl",
    errorDomain: ERROR_DOMAIN.libxl,
    domainType: "xen",
    osTypes: ["xen", "xenpvh", "hvm"],
  },
  "qemu+dir": {
    type: "QEMU",
    functionPrefix: "qemu",
    errorDomain: ERROR_DOMAIN.qemu,
    domainType: "kvm",
    osTypes: ["hvm"],
  },
  test: {
    type: "TEST",
    functionPrefix: "test",
    errorDomain: ERROR_DOMAIN.test,
    domainType: "test",
    osTypes: ["hvm", "xen"],
    version: 2n,
  },
};

/** For connections that libvirt has nothing like. */
const OTHER: Driver = {
  type: "domsnap",
  functionPrefix: "domsnap",
  errorDomain: ERROR_DOMAIN.domain,
  domainType: "xen",
  osTypes: ["xen", "hvm"],
};

/** How what stands behind a URI shows itself. */
export function driverOf(uri: string): Driver {
  return BY_SCHEME[schemeOf(uri)] ?? OTHER;
}

/**
 * The URIs by which a client may ask for a connection of ours: a client takes transport and socket
 * out of its own, so that `qemu+dir:///FOLDER` is asked for as `qemu:///FOLDER`.
 */
export function clientUris(uri: string): readonly string[] {
  const bare = uri.replace(/^([^:+]+)\+[^:]+:/, "$1:");
  const short = bare === "xen:///system" ? ["xen:///", "xen://"] : [];
  return [uri, bare, ...short];
}

function schemeOf(uri: string): string {
  return uri.slice(0, Math.max(uri.indexOf(":"), 0));
}
