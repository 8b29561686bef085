import { DomsnapError } from "../core/errors/index.js";
import {
  SNAPSHOT_STATES,
  type DomainDefinition,
  type MemorySnapshot,
  type SnapshotState,
} from "../core/model/index.js";
import type { ParsedSnapshot, ParseSnapshotOptions } from "../core/ports/snapshot-documents.js";
import { canonicalUuid, parseDomainElement } from "./domain.js";
import { childrenNamed, elementsAt, stringAt, textOf, type XmlElement } from "./element.js";
import { readXml } from "./reader.js";
import { assertSnapshotSchema } from "./schema.js";
import { parseDiskSnapshots, unknownIn } from "./snapshot-disk.js";
import { dropUndefined } from "./optional.js";
import { parseDecimal, parseEnumAttribute } from "./values.js";
import { formatElement } from "./writer.js";
import { COMPLETE_SNAPSHOT_LIMITS, DEFAULT_XML_LIMITS } from "./xml-limits.js";

/**
 * A `<domainsnapshot>` document to a snapshot, in the order and with the words of libvirt's parser
 * (libvirt: snapshot XML format). Of repeated elements the first counts, but all `<disks>` are
 * joined. With `redefine` the document must tell name, state and creation time, and whether memory
 * is possible follows from its state; else those are the caller's to fill in, and a document's own
 * state, time, parent and domain are ignored. Throws `xml-detail`, `xml-error`, `internal-error`,
 * `config-unsupported`, `xml-invalid-schema`.
 */
export function parseSnapshot(text: string, options: ParseSnapshotOptions = {}): ParsedSnapshot {
  const limits = options.redefine ? COMPLETE_SNAPSHOT_LIMITS : DEFAULT_XML_LIMITS;
  const root = readXml(text, { documentName: "(domain_snapshot)", limits });
  if (root.name !== "domainsnapshot")
    throw new DomsnapError(
      "xml-error",
      `expecting root element of 'domainsnapshot', not '${root.name}'`,
    );
  if (options.validate) assertSnapshotSchema(root);
  return options.redefine
    ? parseExisting(root, options.keepUnknown ?? false)
    : parseNew(root, options.offline ?? false);
}

function parseNew(root: XmlElement, offline: boolean): ParsedSnapshot {
  const memory = parseMemory(root, offline, undefined);
  return dropUndefined({
    name: stringAt(root, "name"),
    description: stringAt(root, "description"),
    creationTime: 0n,
    memory,
    disks: parseDiskSnapshots(elementsAt(root, "disks"), false),
  });
}

/** What a document of an existing snapshot has below its root; `active` is libvirt's own. */
const KNOWN = new Set([
  "name",
  "description",
  "state",
  "parent",
  "creationTime",
  "memory",
  "disks",
  "revertDisks",
  "domain",
  "inactiveDomain",
  "cookie",
  "active",
]);

function parseExisting(root: XmlElement, keepUnknown: boolean): ParsedSnapshot {
  const name = stringAt(root, "name");
  if (name === undefined)
    throw new DomsnapError("xml-error", "a redefined snapshot must have a name");
  const creationTime = parseCreationTime(root);
  const state = parseState(root);
  const offline = isOfflineState(state);
  const domains = parseDomains(root);
  const memory = parseMemory(root, offline, offline ? "no" : "internal");
  const disks = parseDiskSnapshots(elementsAt(root, "disks"), true, keepUnknown);
  const revertDisks = parseDiskSnapshots(elementsAt(root, "revertDisks"), true, keepUnknown);
  const cookie = offline ? undefined : childrenNamed(root, "cookie")[0];
  return dropUndefined({
    name,
    description: stringAt(root, "description"),
    state,
    parent: stringAt(root, "parent", "name"),
    creationTime,
    memory,
    disks,
    revertDisks: revertDisks.length > 0 ? revertDisks : undefined,
    unknownElements: keepUnknown ? unknownIn(root, KNOWN) : undefined,
    ...domains,
    cookie: cookie && formatElement(cookie),
  });
}

/** Whether a snapshot of this state cannot hold memory. */
export function isOfflineState(state: SnapshotState): boolean {
  return state === "shutoff" || state === "disk-snapshot";
}

function parseCreationTime(root: XmlElement): bigint {
  const written = childrenNamed(root, "creationTime")[0];
  const seconds = written && parseDecimal(textOf(written));
  if (seconds !== undefined && BigInt.asIntN(64, seconds) === seconds) return seconds;
  throw new DomsnapError("internal-error", "missing creationTime from existing snapshot");
}

function parseState(root: XmlElement): SnapshotState {
  const word = stringAt(root, "state");
  if (word === undefined)
    throw new DomsnapError("xml-error", "missing state from existing snapshot");
  const state = SNAPSHOT_STATES.find((one) => one === word);
  if (state !== undefined && state !== "nostate") return state;
  throw new DomsnapError("config-unsupported", `Invalid state '${word}' in domain snapshot XML`);
}

interface EmbeddedDomains {
  readonly domain?: DomainDefinition;
  readonly domainUuid?: string;
  readonly inactiveDomain?: DomainDefinition;
}

/** A full definition is told from a bare uuid by its type attribute. */
function parseDomains(root: XmlElement): EmbeddedDomains {
  const written = childrenNamed(root, "domain");
  const full = written.some((one) => one.attributes.get("type")) ? written[0] : undefined;
  const inactive = childrenNamed(root, "inactiveDomain")[0];
  const bareUuid = full ? undefined : stringAt(root, "domain", "uuid");
  return dropUndefined({
    domain: full && parseDomainElement(full),
    domainUuid: bareUuid && (canonicalUuid(bareUuid) ?? bareUuid),
    inactiveDomain: inactive && parseDomainElement(inactive),
  });
}

function parseMemory(
  root: XmlElement,
  offline: boolean,
  usualMode: MemorySnapshot["mode"] | undefined,
): MemorySnapshot | undefined {
  const node = childrenNamed(root, "memory")[0];
  const file = node?.attributes.get("file");
  const mode = parseMemoryMode(node) ?? (file === undefined ? usualMode : "external");
  if (file !== undefined && mode !== "external")
    throw new DomsnapError("xml-error", `memory filename '${file}' requires external snapshot`);
  if (file === undefined && mode === "external")
    throw new DomsnapError("xml-error", "external memory snapshots require a filename");
  if (offline && mode !== undefined && mode !== "no")
    throw new DomsnapError(
      "xml-error",
      "memory state cannot be saved with offline or disk-only snapshot",
    );
  if (file !== undefined && !file.startsWith("/"))
    throw new DomsnapError("xml-error", `memory snapshot file path (${file}) must be absolute`);
  return mode && dropUndefined({ mode, file });
}

function parseMemoryMode(node: XmlElement | undefined): MemorySnapshot["mode"] | undefined {
  if (node === undefined) return undefined;
  const mode = parseEnumAttribute(node, "snapshot", ["no", "internal", "external", "manual"]);
  if (mode === "manual")
    throw new DomsnapError("xml-error", "'manual' memory snapshot mode not supported");
  return mode;
}
