import type { DomainDefinition } from "../core/model/index.js";
import type { DiskRelocation } from "../core/ports/snapshot-documents.js";
import { sourceElement } from "./disk-source.js";
import { parseDomainElement } from "./domain.js";
import {
  childNamed,
  childrenNamed,
  element,
  elementsAt,
  isElement,
  type XmlElement,
  type XmlNode,
} from "./element.js";
import { metadataCache } from "./metadata-cache.js";
import { readXml } from "./reader.js";

/**
 * The definition with other sources and formats for the disks that are named; unknown names do
 * nothing. A disk's backing chain describes its old image and goes away with it; its labels stay
 * when the new source brings none. Idempotent.
 */
export function relocateDisks(
  definition: DomainDefinition,
  relocations: readonly DiskRelocation[],
): DomainDefinition {
  const byTarget = new Map(relocations.map((relocation) => [relocation.target, relocation]));
  const root = readXml(definition.xml);
  const disks = new Set(elementsAt(root, "devices", "disk"));
  const relocate = (node: XmlNode): XmlNode => {
    if (!isElement(node)) return node;
    const relocation = byTarget.get(childNamed(node, "target")?.attributes.get("dev") ?? "");
    if (disks.has(node)) return relocation ? relocateDisk(node, relocation) : node;
    return node.name === "devices" ? mapChildren(node, relocate) : node;
  };
  return parseDomainElement(mapChildren(root, relocate));
}

/** The definition under another name; its uuid stays. Throws as `parseDomain` for a bad name. */
export function renameDomain(definition: DomainDefinition, name: string): DomainDefinition {
  const root = readXml(definition.xml);
  const [first] = childrenNamed(root, "name");
  return parseDomainElement(
    mapChildren(root, (child) => (child === first ? element("name", {}, [name]) : child)),
  );
}

function mapChildren(node: XmlElement, change: (child: XmlNode) => XmlNode): XmlElement {
  return { ...node, children: node.children.map(change) };
}

const ABOUT_OLD_IMAGE: ReadonlySet<string> = new Set([
  "backingStore",
  "mirror",
  "driver",
  "source",
]);

function relocateDisk(disk: XmlElement, relocation: DiskRelocation): XmlElement {
  const attributes = new Map(disk.attributes).set("type", relocation.type);
  const driver = childNamed(disk, "driver") ?? element("driver");
  const driverAttributes = new Map(driver.attributes).set("type", relocation.format);
  const driverChildren = [
    ...driver.children.filter((child) => !isElement(child) || child.name !== "metadata_cache"),
    ...metadataCache(relocation.metadataCacheMaxBytes),
  ];
  const rest = disk.children.filter(
    (child) => !isElement(child) || !ABOUT_OLD_IMAGE.has(child.name),
  );
  const source = relocatedSource(childNamed(disk, "source"), relocation);
  const moved = source ? [source] : [];
  return {
    ...disk,
    attributes,
    children: [
      { ...driver, attributes: driverAttributes, children: driverChildren },
      ...moved,
      ...rest,
    ],
  };
}

function relocatedSource(
  old: XmlElement | undefined,
  relocation: DiskRelocation,
): XmlElement | undefined {
  const source = sourceElement(relocation.type, relocation.source);
  if (source === undefined || old === undefined) return source;
  if (childNamed(source, "seclabel") !== undefined) return source;
  return { ...source, children: [...source.children, ...childrenNamed(old, "seclabel")] };
}
