import { DomsnapError } from "../core/errors/index.js";
import type { DiskSource, StorageType } from "../core/model/index.js";
import { childNamed, element, emptyAsAbsent, type XmlElement } from "./element.js";
import { parseNetworkSource } from "./network-source.js";
import { parseNvmeSource } from "./nvme-source.js";
import { dropUndefined } from "./optional.js";
import { readXml } from "./reader.js";
import { commonChildren } from "./source-children.js";
import { parseEnumAttribute, requireAttribute } from "./values.js";
import { formatElement } from "./writer.js";

/** The attribute of `<source>` that holds the path, for the storage types that have one. */
export const PATH_ATTRIBUTES: Readonly<Partial<Record<StorageType, string>>> = {
  file: "file",
  block: "dev",
  dir: "dir",
  network: "name",
};

/**
 * The `<source>` of a snapshot disk; undefined when it says nothing. What libvirt would not keep
 * (cookies of http, start-up policies, attributes of other types) is not kept here either. Throws
 * libvirt's errors for sources that it refuses.
 */
export function parseDiskSource(type: StorageType, node: XmlElement): DiskSource | undefined {
  switch (type) {
    case "file":
    case "block":
      return localSource(type, node);
    case "network":
      return networkSource(node);
    case "nvme":
      return opaqueSource(parseNvmeSource(node));
    case "vhostuser":
      return opaqueSource(vhostUserElement(node));
    case "vhostvdpa":
      return opaqueSource(vhostVdpaElement(node));
    case "dir":
    case "volume":
      throw new DomsnapError("xml-error", `unsupported disk snapshot type '${type}'`);
  }
}

/** The `<source>` element of a disk; undefined when there is nothing to say. */
export function sourceElement(
  type: StorageType,
  source: DiskSource | undefined,
): XmlElement | undefined {
  if (source === undefined) return undefined;
  const attribute = PATH_ATTRIBUTES[type];
  const place = attribute === undefined ? {} : { [attribute]: source.path };
  if (source.xml !== undefined) return withPlace(readXml(source.xml), place);
  if (source.path === undefined || attribute === undefined) return undefined;
  return element("source", { protocol: source.protocol, ...place });
}

/** A source that was written with labels only may have got its file later. */
function withPlace(
  kept: XmlElement,
  place: Readonly<Record<string, string | undefined>>,
): XmlElement {
  const missing = [...element("source", place).attributes].filter(
    ([attribute]) => !kept.attributes.has(attribute),
  );
  return { ...kept, attributes: new Map([...missing, ...kept.attributes]) };
}

function localSource(type: "file" | "block", node: XmlElement): DiskSource | undefined {
  const path = emptyAsAbsent(node.attributes.get(type === "file" ? "file" : "dev"));
  const kept = element(
    "source",
    type === "file" ? { file: path, fdgroup: node.attributes.get("fdgroup") } : { dev: path },
    commonChildren(node),
  );
  return describeSource(kept, path);
}

/** Whether there is more to tell than the path decides if the element must be kept. */
function describeSource(kept: XmlElement, path: string | undefined): DiskSource | undefined {
  const isPlain = kept.children.length === 0 && kept.attributes.size === (path ? 1 : 0);
  if (isPlain) return path === undefined ? undefined : { path };
  return dropUndefined({ path, xml: formatElement(kept) });
}

function networkSource(node: XmlElement): DiskSource {
  const kept = parseNetworkSource(node);
  const path = kept.attributes.get("name");
  const protocol = kept.attributes.get("protocol");
  return dropUndefined({ path, protocol, xml: formatElement(kept) });
}

/** A source whose path, if any, libvirt does not treat as the path of an image. */
function opaqueSource(kept: XmlElement): DiskSource {
  return { xml: formatElement(kept) };
}

function vhostUserElement(node: XmlElement): XmlElement {
  const type = node.attributes.get("type");
  const missing = (name: string) =>
    new DomsnapError("xml-error", `missing '${name}' attribute for vhostuser disk source`);
  if (type === undefined) throw missing("type");
  if (type !== "unix")
    throw new DomsnapError("xml-error", "invalid 'type' attribute for vhostuser disk source");
  const path = node.attributes.get("path");
  if (path === undefined) throw missing("path");
  const reconnect = childNamed(node, "reconnect");
  if (reconnect) parseEnumAttribute(reconnect, "enabled", ["yes", "no"]);
  const children = [...(reconnect ? [reconnect] : []), ...commonChildren(node)];
  return element("source", { type, path }, children);
}

function vhostVdpaElement(node: XmlElement): XmlElement {
  return element("source", { dev: requireAttribute(node, "dev") }, commonChildren(node));
}
