import { DomsnapError } from "../../core/errors/index.js";
import { TEMPORARY_SUFFIX } from "../../host/state-files.js";

export const RECORD_SUFFIX = ".xml";

/** NAME_MAX of Linux. */
const FILE_NAME_LIMIT_BYTES = 255;

/** What XML cannot carry, or changes on the way: most control characters and non-characters. */
// eslint-disable-next-line no-control-regex -- they are what it looks for
const NOT_XML = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/;

/**
 * Checks that a snapshot's name can be the name of a file and comes back unchanged from a record.
 * Throws `xml-detail`, for `/` and a leading dot with libvirt's text (QEMU driver); the other
 * reasons are ours.
 */
export function assertRecordName(name: string): void {
  const reason = recordNameProblem(name);
  if (reason === undefined) return;
  throw new DomsnapError("xml-detail", `invalid snapshot name '${name}': ${reason}`);
}

/** Why a snapshot of this name cannot have a record; `undefined` when it can. */
export function recordNameProblem(name: string): string | undefined {
  if (name === "") return "name can't be empty";
  if (name.includes("/")) return "name can't contain '/'";
  if (name.startsWith(".")) return "name can't start with '.'";
  if (NOT_XML.test(name)) return "name can't contain control characters";
  const bytes = Buffer.from(name, "utf8");
  if (bytes.toString("utf8") !== name) return "name is not valid Unicode";
  const limit = FILE_NAME_LIMIT_BYTES - RECORD_SUFFIX.length - TEMPORARY_SUFFIX.length;
  if (bytes.length > limit) return `name is longer than ${limit} bytes`;
  return undefined;
}
