import { freemem, hostname } from "node:os";
import { FEATURE } from "../../rpc/index.js";
import { capabilitiesXml } from "../host/capabilities.js";
import { nodeInfo } from "../host/node-info.js";
import { xenVersion } from "../host/xen-version.js";
import type { Answers } from "./answer.js";
import { assertFlags } from "./flags.js";

/** The version of libvirt whose protocol and behaviour clients find: 9.0.0. */
const LIBVIRT_VERSION = 9_000_000n;
const AUTH_NONE = 0;
const OPEN_READ_ONLY = 1;
/** libvirt's own numbers of the other flags of an opening: no aliases. */
const OPEN_FLAGS = OPEN_READ_ONLY | 2;
/** What libvirt's Xen driver tells. */
const MAX_VCPUS = 128;

const SUPPORTED: ReadonlySet<number> = new Set([
  FEATURE.typedParamString,
  FEATURE.keepalive,
  FEATURE.eventCallback,
  FEATURE.closeCallback,
  FEATURE.typedParamStringAlways,
]);

/** Opening, closing, and what is asked of the connection itself. */
export const connectionAnswers: Answers = {
  authList: () => ({ value: [AUTH_NONE] }),
  connectOpen: ({ name, flags }, caller) => {
    caller.open(name, { readOnly: (flags & OPEN_READ_ONLY) !== 0 });
    assertFlags(caller, "ConnectOpen", flags, OPEN_FLAGS);
    return undefined;
  },
  connectClose: (_args, caller) => {
    caller.close();
    return undefined;
  },
  connectSupportsFeature: ({ value }, caller) => {
    if (value === FEATURE.keepalive) caller.expectKeepalive();
    return { value: SUPPORTED.has(value) ? 1 : 0 };
  },
  connectGetType: (_args, { hypervisor }) => ({ value: hypervisor.driver.type }),
  connectGetVersion: (_args, { hypervisor: { driver } }) => ({
    // 0 is libvirt's way of saying that it is not known.
    value: driver.version ?? (driver.type === "Xen" ? xenVersion() : 0n),
  }),
  connectGetMaxVcpus: () => ({ value: MAX_VCPUS }),
  connectGetLibVersion: () => ({ value: LIBVIRT_VERSION }),
  connectGetHostname: () => ({ value: hostname() }),
  connectGetUri: (_args, { hypervisor }) => ({ value: hypervisor.uri }),
  connectGetCapabilities: (_args, { hypervisor }) => ({
    value: capabilitiesXml(hypervisor.driver),
  }),
  // A socket of this host.
  connectIsSecure: () => ({ value: 1 }),
  connectRegisterCloseCallback: () => undefined,
  connectUnregisterCloseCallback: () => undefined,
  nodeGetInfo: () => nodeInfo(),
  nodeGetFreeMemory: () => ({ value: BigInt(freemem()) }),
};
