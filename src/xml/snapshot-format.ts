import type { DiskSnapshot, DomainDefinition } from "../core/model/index.js";
import type { ParsedSnapshot } from "../core/ports/snapshot-documents.js";
import { metadataCache } from "./metadata-cache.js";
import { sourceElement } from "./disk-source.js";
import { element, type XmlElement } from "./element.js";
import { withoutSecurityInfo } from "./security-info.js";
import { formatElement, indentXml } from "./writer.js";

export interface FormatSnapshotOptions {
  /** Keep passwords in the domain definitions; left out by default, as libvirt does. */
  readonly secure?: boolean;
  /** Write elements of a record that are not known as well. */
  readonly unknown?: boolean;
}

/**
 * A snapshot to text, byte for byte in libvirt's layout (libvirt: snapshot XML format), with a
 * final newline. What parsing gave back comes out again, except passwords without `secure`; so
 * does a request, which may lack a name.
 */
export function formatSnapshot(
  snapshot: ParsedSnapshot,
  options: FormatSnapshotOptions = {},
): string {
  const head = headParts(snapshot, options.unknown ?? false);
  const domains = domainParts(snapshot, options.secure ?? false);
  const parts = [...head, ...domains, ...(snapshot.cookie === undefined ? [] : [snapshot.cookie])];
  const lines = parts.map((part) => indentOnce(part) + "\n");
  return `<domainsnapshot>\n${lines.join("")}</domainsnapshot>\n`;
}

/** Snapshots that are written one after the other mostly hold the same definition. */
let lastIndented = { part: "", text: "" };

function indentOnce(part: string): string {
  if (part.length < LONG_PART) return indentXml(part, 1);
  if (lastIndented.part !== part) lastIndented = { part, text: indentXml(part, 1) };
  return lastIndented.text;
}

/** Characters; only definitions are longer. */
const LONG_PART = 1000;

function headParts(snapshot: ParsedSnapshot, unknown: boolean): string[] {
  const { memory, parent, creationTime } = snapshot;
  const parts = [
    textElement("name", snapshot.name),
    textElement("description", snapshot.description),
    textElement("state", snapshot.state),
    parent === undefined ? undefined : element("parent", {}, [element("name", {}, [parent])]),
    textElement("creationTime", creationTime === 0n ? undefined : String(creationTime)),
    memory && element("memory", { snapshot: memory.mode, file: memory.file }),
    disksPart("disks", snapshot.disks, unknown),
    disksPart("revertDisks", snapshot.revertDisks ?? [], unknown),
    ...(unknown ? (snapshot.unknownElements ?? []) : []),
  ];
  return parts
    .filter((one) => one !== undefined)
    .map((one) => (typeof one === "string" ? one : formatElement(one)));
}

function textElement(name: string, text: string | undefined): XmlElement | undefined {
  return text === undefined ? undefined : element(name, {}, [text]);
}

function disksPart(
  name: string,
  disks: readonly DiskSnapshot[],
  unknown: boolean,
): string | undefined {
  if (disks.length === 0) return undefined;
  const parts = disks.map((disk) => {
    const more = unknown ? (disk.unknownElements ?? []) : [];
    return indentXml(withChildren(diskElement(disk), more), 1);
  });
  return `<${name}>\n${parts.join("\n")}\n</${name}>`;
}

/** An element's text with children behind its own, as text. */
function withChildren(parent: XmlElement, more: readonly string[]): string {
  const text = formatElement(parent);
  if (more.length === 0) return text;
  const lines = more.map((one) => indentXml(one, 1)).join("\n");
  if (parent.children.length === 0) return `${text.slice(0, -2)}>\n${lines}\n</${parent.name}>`;
  return text.replace(/\n<\/\w+>$/, (end) => `\n${lines}${end}`);
}

/** libvirt tells of type, driver and source only when it knows a path or a format. */
function diskElement(disk: DiskSnapshot): XmlElement {
  const isKnown = disk.source?.path !== undefined || disk.format !== undefined;
  const children = [
    disk.deleteInProgress ? element("snapshotDeleteInProgress") : undefined,
    ...(isKnown ? [driverElement(disk), sourceElement(disk.type, disk.source)] : []),
  ];
  return element(
    "disk",
    { name: disk.name, snapshot: disk.mode, type: isKnown ? disk.type : undefined },
    children.filter((one) => one !== undefined),
  );
}

function driverElement(disk: DiskSnapshot): XmlElement | undefined {
  const { format, metadataCacheMaxBytes } = disk;
  if (format === undefined && metadataCacheMaxBytes === undefined) return undefined;
  return element("driver", { type: format }, metadataCache(metadataCacheMaxBytes));
}

function domainParts(snapshot: ParsedSnapshot, secure: boolean): string[] {
  const xmlOf = (definition: DomainDefinition) =>
    secure ? definition.xml : withoutSecurityInfo(definition.xml);
  const { domain, domainUuid, inactiveDomain } = snapshot;
  const parts: string[] = [];
  if (domain) parts.push(xmlOf(domain));
  else if (domainUuid !== undefined)
    parts.push(formatElement(element("domain", {}, [element("uuid", {}, [domainUuid])])));
  if (inactiveDomain) parts.push(asInactiveDomain(xmlOf(inactiveDomain)));
  return parts;
}

/** Canonical text of a definition under the root name that libvirt gives a next-boot definition. */
function asInactiveDomain(xml: string): string {
  return xml.replace(/^<domain(?=[ >])/, "<inactiveDomain").replace(/domain>$/, "inactiveDomain>");
}
