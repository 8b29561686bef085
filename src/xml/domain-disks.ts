import { DomsnapError } from "../core/errors/index.js";
import {
  IMAGE_FORMATS,
  SNAPSHOT_MODES,
  STORAGE_TYPES,
  type DiskSource,
  type DomainDisk,
  type ImageFormat,
  type SnapshotMode,
} from "../core/model/index.js";
import { PATH_ATTRIBUTES, sourceElement } from "./disk-source.js";
import {
  childNamed,
  element,
  elementsAt,
  elementsOf,
  emptyAsAbsent,
  type XmlElement,
} from "./element.js";
import { dropUndefined } from "./optional.js";
import { readXml } from "./reader.js";
import { parseEnumAttribute, requireAttribute } from "./values.js";
import { formatElement } from "./writer.js";

const DEVICES = ["disk", "cdrom", "floppy", "lun"] as const;

/** Attributes of a source that describe how to start with it, not where it is. */
const IGNORED_ATTRIBUTES: ReadonlySet<string> = new Set(["startupPolicy", "index"]);

/** The disks of a domain. Throws libvirt's errors, also for a target that is used twice. */
export function parseDomainDisks(domain: XmlElement): DomainDisk[] {
  const disks = elementsAt(domain, "devices", "disk").map(parseDomainDisk);
  const byTarget = new Map<string, DomainDisk>();
  for (const disk of disks) {
    const other = byTarget.get(disk.target);
    if (other) throw duplicateTarget(other, disk);
    byTarget.set(disk.target, disk);
  }
  return disks;
}

function duplicateTarget(first: DomainDisk, second: DomainDisk): DomsnapError {
  const paths = [first, second].map((disk) => disk.source?.path ?? "(null)");
  return new DomsnapError(
    "xml-error",
    `target '${first.target}' duplicated for disk sources '${paths[0]}' and '${paths[1]}'`,
  );
}

/** A `<disk>` of a domain by itself, as text. Throws libvirt's errors. */
export function parseDisk(text: string): DomainDisk {
  const root = readXml(text, { documentName: "(disk_definition)" });
  if (root.name === "disk") return parseDomainDisk(root);
  throw new DomsnapError("xml-error", `expecting root element of 'disk', not '${root.name}'`);
}

/** The reverse, in libvirt's layout: what `parseDisk` reads as the same disk. */
export function formatDisk(disk: DomainDisk): string {
  return formatElement(diskElement(disk));
}

/** The `<disk>` of a domain. */
export function diskElement(disk: DomainDisk): XmlElement {
  const { type, device, driverName, format, target, bus, readonly, snapshot } = disk;
  const hasDriver = driverName !== undefined || format !== undefined;
  // Read-only disks take no part anyway.
  const wish = snapshot === "no" && readonly ? undefined : snapshot;
  const children = [
    hasDriver ? element("driver", { name: driverName, type: format }) : undefined,
    sourceElement(type, disk.source),
    element("target", { dev: target, bus }),
    readonly ? element("readonly") : undefined,
    disk.shareable ? element("shareable") : undefined,
    disk.transient ? element("transient") : undefined,
  ];
  return element(
    "disk",
    { type, device, snapshot: wish },
    children.filter((child) => child !== undefined),
  );
}

function parseDomainDisk(node: XmlElement): DomainDisk {
  const type = parseEnumAttribute(node, "type", STORAGE_TYPES) ?? "file";
  const device = parseEnumAttribute(node, "device", DEVICES) ?? "disk";
  const wish = parseEnumAttribute(node, "snapshot", SNAPSHOT_MODES);
  const source = parseSource(node, type);
  const driver = childNamed(node, "driver");
  const driverName = driver?.attributes.get("name");
  const format = parseFormat(driver?.attributes.get("type"));
  const target = childNamed(node, "target")?.attributes.get("dev");
  if (!target)
    throw new DomsnapError("xml-detail", "missing target information for device", {
      hint: "Give every disk a <target dev='...'/>.",
    });
  const bus = childNamed(node, "target")?.attributes.get("bus");
  const readonly = device === "cdrom" || childNamed(node, "readonly") !== undefined;
  const snapshot = effectiveMode(wish, readonly, type === "vhostuser");
  return dropUndefined({
    target,
    bus,
    device,
    type,
    driverName,
    format,
    source,
    readonly,
    shareable: childNamed(node, "shareable") !== undefined,
    transient: childNamed(node, "transient") !== undefined,
    encrypted: isEncrypted(node) ? (true as const) : undefined,
    snapshot,
  });
}

/** Old documents have the element beside the source, new ones in it, chains below theirs as well. */
function isEncrypted(node: XmlElement): boolean {
  return elementsOf(node).some((child) => child.name === "encryption" || isEncrypted(child));
}

/** libvirt leaves read-only and vhost-user disks out of snapshots. */
function effectiveMode(
  wish: SnapshotMode | undefined,
  readonly: boolean,
  isVhostUser: boolean,
): SnapshotMode | undefined {
  if (isVhostUser && wish !== undefined && wish !== "no")
    throw new DomsnapError(
      "config-unsupported",
      "only snapshot=no is supported with vhostuser disk",
    );
  return wish ?? (readonly || isVhostUser ? "no" : undefined);
}

function parseFormat(written: string | undefined): ImageFormat | undefined {
  if (written === undefined) return undefined;
  // Old Xen documents name the tap driver's I/O method here.
  if (written === "aio") return "raw";
  const format = IMAGE_FORMATS.find((one) => one === written);
  if (format !== undefined) return format;
  throw new DomsnapError("config-unsupported", `unknown driver format value '${written}'`);
}

function parseSource(node: XmlElement, type: DomainDisk["type"]): DiskSource | undefined {
  const source = childNamed(node, "source");
  if (source === undefined) return undefined;
  const pathAttribute = PATH_ATTRIBUTES[type];
  const path = emptyAsAbsent(source.attributes.get(pathAttribute ?? ""));
  const protocol = type === "network" ? requireAttribute(source, "protocol") : undefined;
  const told = [...source.attributes.keys()].filter((name) => !IGNORED_ATTRIBUTES.has(name));
  const isPlain = source.children.length === 0 && told.every((name) => name === pathAttribute);
  if (isPlain && path === undefined) return undefined;
  return dropUndefined({
    path,
    protocol: protocol === "none" ? undefined : protocol,
    xml: isPlain ? undefined : formatElement(source),
  });
}
