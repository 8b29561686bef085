import { asDomsnapError, DomsnapError } from "../core/errors/index.js";
import type { WireError } from "../rpc/index.js";

/** Numbers of libvirt's virErrorNumber that no kind of ours stands for. */
const CODE = { internal: 1, noConnection: 5, operationTimeout: 68, rpc: 39 } as const;

/** Who reports an error; libvirt: virErrorDomain. */
export const ERROR_DOMAIN = {
  none: 0,
  qemu: 10,
  test: 12,
  rpc: 7,
  storage: 18,
  network: 19,
  domain: 20,
  secret: 30,
  networkFilter: 33,
  snapshot: 35,
  libxl: 41,
} as const;

const LEVEL_ERROR = 2;

/** An error that is no failure of a use case, but of the call itself. */
export class CallError extends Error {
  override readonly name = "CallError";

  constructor(readonly wire: WireError) {
    super(wire.message);
  }
}

/** A connection that nobody serves. */
export function noConnection(uri: string): CallError {
  return callError(
    CODE.noConnection,
    ERROR_DOMAIN.none,
    "no connection driver available for %s",
    uri,
  );
}

/** The call breaks the protocol, or comes at the wrong time. */
export function protocolError(detail: string): CallError {
  return callError(CODE.rpc, ERROR_DOMAIN.rpc, "%s", detail);
}

/** libvirt's error for what a driver does not have; clients look at the code and go without. */
export function notSupported(api: string): DomsnapError {
  return new DomsnapError("no-support", api);
}

/** The refusal of a change on a read-only connection. */
export function readOnlyRefusal(api: string): DomsnapError {
  return new DomsnapError("operation-denied", `read only access prevents ${api}`);
}

/**
 * What a client is told of a failed call. `domain` is who reports what the driver says. Our hint goes
 * where libvirt has room for a third text, which no client prints.
 */
export function wireErrorOf(thrown: unknown, api: string, domain: number): WireError {
  if (thrown instanceof CallError) return thrown.wire;
  const error = asDomsnapError(thrown);
  if (error.code === "locked")
    return callError(
      CODE.operationTimeout,
      domain,
      "Timed out during operation: %s",
      `cannot acquire state change lock: ${error.detail}`,
    ).wire;
  const { prefix, libvirtNumber = CODE.internal } = error.kind;
  return {
    ...callError(libvirtNumber, domainOf(error, api, domain), "", error.detail).wire,
    message: error.message,
    str1: prefix === undefined ? "%s" : `${prefix}: %s`,
    str3: error.hint,
  };
}

/** Refusals of the interface itself come from the part of libvirt that the function belongs to. */
function domainOf({ code }: DomsnapError, api: string, driver: number): number {
  return code === "no-support" || code === "operation-denied" ? domainOfApi(api) : driver;
}

/** In the order of trying. */
const API_DOMAINS: readonly (readonly [RegExp, number])[] = [
  [/^virDomainSnapshot/, ERROR_DOMAIN.snapshot],
  [/NWFilter/, ERROR_DOMAIN.networkFilter],
  [/Secret/, ERROR_DOMAIN.secret],
  [/Storage/, ERROR_DOMAIN.storage],
  [/Network/, ERROR_DOMAIN.network],
  [/^virDomain|Domain/, ERROR_DOMAIN.domain],
];

function domainOfApi(api: string): number {
  return API_DOMAINS.find(([pattern]) => pattern.test(api))?.[1] ?? ERROR_DOMAIN.none;
}

function callError(code: number, domain: number, format: string, detail: string): CallError {
  return new CallError({
    code,
    domain,
    message: format.replace("%s", () => detail),
    level: LEVEL_ERROR,
    on: undefined,
    str1: format,
    str2: detail,
    str3: undefined,
    int1: -1,
    int2: -1,
    network: undefined,
  });
}
