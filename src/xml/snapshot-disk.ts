import { DomsnapError } from "../core/errors/index.js";
import {
  IMAGE_FORMATS,
  SNAPSHOT_MODES,
  STORAGE_TYPES,
  type DiskSnapshot,
  type ImageFormat,
} from "../core/model/index.js";
import { parseDiskSource } from "./disk-source.js";
import {
  attributeAt,
  childNamed,
  elementsAt,
  elementsOf,
  textOf,
  type XmlElement,
} from "./element.js";
import { dropUndefined } from "./optional.js";
import { parseEnumAttribute, parseScaledBytes } from "./values.js";
import { formatElement } from "./writer.js";

const KNOWN = new Set(["snapshotDeleteInProgress", "driver", "source"]);

/** The children of an element that are not of these names, as text; undefined if there are none. */
export function unknownIn(parent: XmlElement, known: ReadonlySet<string>): string[] | undefined {
  const unknown = elementsOf(parent).filter(({ name }) => !known.has(name));
  return unknown.length === 0 ? undefined : unknown.map(formatElement);
}

/**
 * The children of some `<disks>` or `<revertDisks>` elements, whatever their names. `existing`
 * lets them tell of a merge that was not finished, `keepUnknown` keeps elements that are not known. Throws libvirt's errors.
 */
export function parseDiskSnapshots(
  lists: readonly XmlElement[],
  existing: boolean,
  keepUnknown = false,
): DiskSnapshot[] {
  return lists.flatMap(elementsOf).map((node) => {
    const disk = parseDiskSnapshot(node, existing);
    const unknownElements = keepUnknown ? unknownIn(node, KNOWN) : undefined;
    return unknownElements ? { ...disk, unknownElements } : disk;
  });
}

function parseDiskSnapshot(node: XmlElement, existing: boolean): DiskSnapshot {
  const name = node.attributes.get("name");
  if (name === undefined)
    throw new DomsnapError("internal-error", "missing name from disk snapshot element");
  const wish = parseEnumAttribute(node, "snapshot", SNAPSHOT_MODES);
  const type = parseEnumAttribute(node, "type", STORAGE_TYPES) ?? "file";
  if (type === "volume" || type === "dir")
    throw new DomsnapError("xml-error", `unsupported disk snapshot type '${type}'`);
  const sourceNode = childNamed(node, "source");
  const source = sourceNode && parseDiskSource(type, sourceNode);
  const format = parseFormat(attributeAt(node, ["driver"], "type"));
  const metadataCacheMaxBytes = parseMetadataCache(node);
  assertAbsolute(type, source?.path);
  const implied = source?.path !== undefined || format !== undefined ? "external" : undefined;
  const isMerging = existing && childNamed(node, "snapshotDeleteInProgress") !== undefined;
  return dropUndefined({
    name,
    mode: wish ?? implied,
    type,
    format,
    metadataCacheMaxBytes,
    source,
    deleteInProgress: isMerging ? true : undefined,
  });
}

function parseFormat(word: string | undefined): ImageFormat | undefined {
  if (word === undefined) return undefined;
  const format = IMAGE_FORMATS.find((one) => one === word);
  if (format !== undefined) return format;
  throw new DomsnapError("config-unsupported", `unknown disk snapshot driver '${word}'`);
}

const MAX_SIZE = ["driver", "metadata_cache", "max_size"] as const;

function parseMetadataCache(node: XmlElement): bigint | undefined {
  const size = elementsAt(node, ...MAX_SIZE)[0];
  const text = size && textOf(size);
  if (!text) return undefined;
  const bytes = parseScaledBytes(text, size.attributes.get("unit"), 1n, `./${MAX_SIZE.join("/")}`);
  return bytes === 0n ? undefined : bytes;
}

function assertAbsolute(type: DiskSnapshot["type"], path: string | undefined): void {
  if (path === undefined || path.startsWith("/") || (type !== "file" && type !== "block")) return;
  throw new DomsnapError("xml-error", `disk snapshot image path '${path}' must be absolute`);
}
