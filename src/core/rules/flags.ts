import { DomsnapError } from "../errors/index.js";
import {
  CREATE_FLAGS,
  DELETE_FLAGS,
  LIST_FLAGS,
  REVERT_FLAGS,
  type CreateFlags,
  type DeleteFlags,
  type Flags,
  type ListFlags,
  type RevertFlags,
  type UnknownBits,
} from "../model/index.js";
import type { CallRules, DriverRules } from "../model/driver-rules.js";

/** One of libvirt's flag enums: where its names begin and which bits it has. */
interface FlagEnum<Flag extends string> {
  readonly prefix: string;
  readonly bits: Readonly<Record<Flag, number>>;
}

const CREATE = { prefix: "VIR_DOMAIN_SNAPSHOT_CREATE_", bits: CREATE_FLAGS };
const DELETE = { prefix: "VIR_DOMAIN_SNAPSHOT_DELETE_", bits: DELETE_FLAGS };
const REVERT = { prefix: "VIR_DOMAIN_SNAPSHOT_REVERT_", bits: REVERT_FLAGS };
const LIST = { prefix: "VIR_DOMAIN_SNAPSHOT_LIST_", bits: LIST_FLAGS };

/**
 * Checks the flags of virDomainSnapshotCreateXML in libvirt's order: first what the API itself
 * demands, then what the driver does. Throws `invalid-flags`.
 */
export function assertCreateFlags(flags: CreateFlags, rules: DriverRules): void {
  assertRequired(CREATE, flags, "redefine", "current");
  assertExclusive(CREATE, flags, "redefine", "noMetadata");
  assertExclusive(CREATE, flags, "redefine", "halt");
  assertSupported(CREATE, flags, rules.create);
  if (!rules.checksFeasibility) return;
  assertRequired(CREATE, flags, "diskOnly", "quiesce");
  assertExclusive(CREATE, flags, "live", "redefine");
}

/** Checks the flags of virDomainSnapshotDelete. Throws `invalid-flags`. */
export function assertDeleteFlags(flags: DeleteFlags, rules: DriverRules): void {
  assertExclusive(DELETE, flags, "children", "childrenOnly");
  assertSupported(DELETE, flags, rules.delete);
}

/** Checks the flags of virDomainRevertToSnapshot. Throws `invalid-flags`. */
export function assertRevertFlags(flags: RevertFlags, rules: DriverRules): void {
  assertExclusive(REVERT, flags, "running", "paused");
  assertSupported(REVERT, flags, rules.revert);
}

/** Checks the flags of virDomainListAllSnapshots. Throws `invalid-flags`. */
export function assertListFlags(flags: ListFlags, rules: DriverRules): void {
  assertSupported(LIST, flags, rules.list);
}

function assertSupported<Flag extends string>(
  { bits }: FlagEnum<Flag>,
  flags: Flags<Flag> & UnknownBits,
  call: CallRules<Flag>,
): void {
  const unsupported = setFlags(bits, flags)
    .filter((flag) => !call.flags.has(flag))
    .reduce((sum, flag) => sum | bits[flag], flags.unknownBits ?? 0);
  if (unsupported === 0) return;
  const hex = (unsupported >>> 0).toString(16);
  throw invalidFlags(`unsupported flags (0x${hex}) in function ${call.functionName}`);
}

function assertExclusive<Flag extends string>(
  flagEnum: FlagEnum<Flag>,
  flags: Flags<Flag>,
  one: Flag,
  other: Flag,
): void {
  if (flags[one] !== true || flags[other] !== true) return;
  const names = `'${enumName(flagEnum, one)}' and '${enumName(flagEnum, other)}'`;
  throw invalidFlags(`Flags ${names} are mutually exclusive`);
}

function assertRequired<Flag extends string>(
  flagEnum: FlagEnum<Flag>,
  flags: Flags<Flag>,
  required: Flag,
  by: Flag,
): void {
  if (flags[by] !== true || flags[required] === true) return;
  const names = `'${enumName(flagEnum, required)}' is required by flag '${enumName(flagEnum, by)}'`;
  throw invalidFlags(`Flag ${names}`);
}

function setFlags<Flag extends string>(
  bits: Readonly<Record<Flag, number>>,
  flags: Flags<Flag>,
): Flag[] {
  return (Object.keys(bits) as Flag[]).filter((flag) => flags[flag] === true);
}

function enumName<Flag extends string>({ prefix }: FlagEnum<Flag>, flag: Flag): string {
  if (flag === "reuseExternal") return `${prefix}REUSE_EXT`;
  return prefix + flag.replace(/[A-Z]/g, "_$&").toUpperCase();
}

function invalidFlags(text: string): DomsnapError {
  return new DomsnapError("invalid-flags", text);
}
