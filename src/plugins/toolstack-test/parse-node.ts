import { randomUUID } from "node:crypto";

import { DomsnapError } from "../../core/errors/index.js";
import {
  buildSnapshotTree,
  SNAPSHOT_STATES,
  type DomainDefinition,
  type DomainSnapshot,
  type DomainState,
} from "../../core/model/index.js";
import {
  childNamed,
  childrenNamed,
  formatElement,
  isElement,
  parseDomain,
  parseSnapshot,
  readXml,
  stringAt,
  type XmlElement,
} from "../../xml/index.js";

/** A domain of the simulated host, as it is when the connection opens. */
export interface NodeDomain {
  readonly definition: DomainDefinition;
  readonly state: DomainState;
  readonly persistent: boolean;
  /** In the order of the document. */
  readonly snapshots: readonly DomainSnapshot[];
  readonly current?: string;
}

/** Reads another document that a `file` attribute names. */
export type ReadDocument = (file: string) => string;

/** libvirt: documentation of the test driver, "custom configuration". */
const TEST_NAMESPACE = "http://libvirt.org/schemas/domain/test/1.0";

/** By their numbers in `<test:runstate>`; a snapshot's states begin with those of a domain. */
const STATES = SNAPSHOT_STATES.filter((state) => state !== "disk-snapshot");

/**
 * The domains of a `<node>` document, the configuration of libvirt's test driver; its networks,
 * pools and the like are passed over. Throws libvirt's errors (`xml-error`, `internal-error`) and
 * those of the domain and snapshot documents.
 */
export function parseNode(text: string, readDocument: ReadDocument): NodeDomain[] {
  const node = readRoot(text, "node");
  const hosted = { prefix: namespacePrefix(node), readDocument };
  return childrenNamed(node, "domain").map((child) => parseNodeDomain(child, hosted));
}

interface Surroundings {
  readonly prefix: string | undefined;
  readonly readDocument: ReadDocument;
}

function parseNodeDomain(child: XmlElement, { prefix, readDocument }: Surroundings): NodeDomain {
  const domain = resolveFile(child, "domain", readDocument);
  const extension = extensionOf(domain, namespacePrefix(domain) ?? prefix);
  const definition = parseDomain(formatElement(extension.domain), { generateUuid: randomUUID });
  const state = parseRunState(extension.text("runstate"));
  const persistent = !extension.has("transient");
  if (!persistent && state === "shutoff")
    throw new DomsnapError("xml-error", "transient domain cannot have runstate 'shutoff'");
  const records = extension
    .all("domainsnapshot")
    .map((node) => resolveFile({ ...node, name: "domainsnapshot" }, "domainsnapshot", readDocument))
    .map((node) => parseRecord(node, definition.uuid));
  return { definition, state, persistent, ...linkRecords(records, definition.name) };
}

/** The element itself, or the document that its `file` attribute names. */
function resolveFile(node: XmlElement, root: string, readDocument: ReadDocument): XmlElement {
  const file = node.attributes.get("file");
  return file === undefined ? node : readRoot(readDocument(file), root);
}

function readRoot(text: string, name: string): XmlElement {
  const root = readXml(text, { documentName: `(${name})` });
  if (root.name === name) return root;
  throw new DomsnapError("xml-error", `expecting root element of '${name}', not '${root.name}'`);
}

function namespacePrefix(element: XmlElement): string | undefined {
  for (const [name, value] of element.attributes)
    if (name.startsWith("xmlns:") && value === TEST_NAMESPACE) return name.slice("xmlns:".length);
  return undefined;
}

/** The test driver's own elements in a domain, and the domain without them. */
function extensionOf(domain: XmlElement, prefix: string | undefined) {
  const qualify = (name: string) => `${prefix ?? ""}:${name}`;
  const attributes = new Map(domain.attributes);
  attributes.delete(`xmlns:${prefix ?? ""}`);
  const children = domain.children.filter(
    (child) => !isElement(child) || !child.name.startsWith(qualify("")),
  );
  return {
    domain: { ...domain, attributes, children },
    has: (name: string) => childNamed(domain, qualify(name)) !== undefined,
    all: (name: string) => childrenNamed(domain, qualify(name)),
    text: (name: string) => stringAt(domain, qualify(name)),
  };
}

function parseRunState(text: string | undefined): DomainState {
  if (text === undefined) return "running";
  if (!/^\s*\d+$/.test(text)) throw new DomsnapError("xml-error", "invalid runstate");
  const state = STATES[Number(text)];
  if (state) return state;
  throw new DomsnapError("xml-error", `runstate '${text}' out of range'`);
}

interface NodeRecord {
  readonly snapshot: DomainSnapshot;
  readonly active: boolean;
}

function parseRecord(node: XmlElement, domainUuid: string): NodeRecord {
  const { name, ...parsed } = parseSnapshot(formatElement(node), { redefine: true });
  if (name === undefined) throw new DomsnapError("xml-error", "a snapshot must have a name");
  const active = stringAt(node, "active") ?? "";
  if (!/^\s*[+-]?\d+\s*$/.test(active))
    throw new DomsnapError("internal-error", "Could not find 'active' element");
  const snapshot = { name, ...parsed, ...(parsed.domain ? {} : { domainUuid }) };
  return { snapshot, active: Number(active) !== 0 };
}

function linkRecords(
  records: readonly NodeRecord[],
  domainName: string,
): Pick<NodeDomain, "snapshots" | "current"> {
  const snapshots = records.map(({ snapshot }) => snapshot);
  const [current, another] = records.filter(({ active }) => active);
  if (another)
    throw new DomsnapError("internal-error", "more than one snapshot claims to be active");
  const tree = buildSnapshotTree(snapshots);
  if (tree.orphans.size > 0 || tree.byName.size < snapshots.length)
    throw new DomsnapError(
      "internal-error",
      `Snapshots have inconsistent relations for domain ${domainName}`,
    );
  return { snapshots, ...(current && { current: current.snapshot.name }) };
}
