import { DomsnapError } from "../core/errors/index.js";
import type { DomainDefinition } from "../core/model/index.js";
import { parseDomainDisks } from "./domain-disks.js";
import {
  attributeAt,
  element,
  elementsAt,
  isElement,
  stringAt,
  textOf,
  type XmlElement,
  type XmlNode,
} from "./element.js";
import { readLaidOut, wantedOf } from "./layout-reader.js";
import { dropUndefined } from "./optional.js";
import { readXml } from "./reader.js";
import { parseScaledBytes } from "./values.js";
import { formatElement } from "./writer.js";

export interface ParseDomainOptions {
  /** Makes the uuid of a definition that has none; without it such a definition is refused. */
  readonly generateUuid?: () => string;
}

/** libvirt's names of hypervisors, `domain/@type`. */
const DOMAIN_TYPES: ReadonlySet<string> = new Set([
  ...["qemu", "kqemu", "kvm", "xen", "lxc", "uml", "openvz", "test", "vmware"],
  ...["hyperv", "vbox", "phyp", "parallels", "bhyve", "vz", "hvf"],
]);

/**
 * A `<domain>` document to a definition. Everything in it is kept, also what libvirt would not
 * know, in libvirt's layout; only the running guest's `id` goes. Throws libvirt's errors:
 * `xml-detail` (not well-formed, no name, a disk without target), `xml-error`, `internal-error`
 * (no type, malformed uuid), `config-unsupported`.
 */
export function parseDomain(text: string, options: ParseDomainOptions = {}): DomainDefinition {
  const root = readXml(text, { documentName: "(domain_definition)" });
  if (root.name !== "domain")
    throw new DomsnapError("xml-error", `expecting root element of 'domain', not '${root.name}'`);
  return parseDomainElement(root, options);
}

/** A `<domain>` or `<inactiveDomain>` element of a snapshot; see `parseDomain`. */
export function parseDomainElement(
  node: XmlElement,
  options: ParseDomainOptions = {},
): DomainDefinition {
  const root = tidy(node);
  const name = parseName(root);
  const { uuid, withUuid } = parseUuid(root, options);
  return describe(root, name, uuid, () => formatElement(withUuid));
}

/** What `describe` and what it calls look at. */
const LOOKED_AT = wantedOf({
  ...{ name: "all", uuid: "all", memory: "all", os: "all", bootloader: "all" },
  cpu: { numa: "all" },
  devices: {
    disk: {
      ...{ driver: "all", source: "all", target: "all" },
      ...{ readonly: "all", shareable: "all", transient: "all" },
    },
  },
});

/**
 * A definition in a document that is laid out as libvirt does it, from what stands between
 * `<domain` and `</domain>`: the same as `parseDomainElement`, in a fraction of the time. Undefined
 * when the general reader has to look at it; throws as that does.
 */
export function parseLaidOutDomain(content: string): DomainDefinition | undefined {
  const read = readLaidOut(content, "domain", LOOKED_AT, "id");
  const uuid = read && stringAt(read.root, "uuid");
  if (!read || uuid === undefined || uuid !== canonicalUuid(uuid)) return undefined;
  return describe(read.root, parseName(read.root), uuid, () => read.xml);
}

function describe(
  root: XmlElement,
  name: string,
  uuid: string,
  format: () => string,
): DomainDefinition {
  return dropUndefined({
    type: parseType(root),
    name,
    uuid,
    osType: parseOsType(root),
    memoryKib: parseMemoryKib(root),
    pflashFirmware: hasPflashFirmware(root),
    disks: parseDomainDisks(root),
    xml: format(),
  });
}

/** A domain without the guest's id, and without blanks where an element's text is only that. */
function tidy(node: XmlElement): XmlElement {
  const attributes = new Map(node.attributes);
  attributes.delete("id");
  return { ...withoutBlankLines(node), name: "domain", attributes };
}

function withoutBlankLines(node: XmlElement): XmlElement {
  const children: XmlNode[] = [];
  for (const child of node.children)
    if (isElement(child)) children.push(withoutBlankLines(child));
    else if (!/^[\t ]*\n[\t\n ]*$/.test(child)) children.push(child);
  return { ...node, children };
}

function parseName(root: XmlElement): string {
  const name = stringAt(root, "name");
  if (name === undefined) throw new DomsnapError("xml-detail", "missing name information");
  if (name.includes("/")) throw new DomsnapError("xml-error", `name ${name} cannot contain '/'`);
  if (name.includes("\n"))
    throw new DomsnapError("xml-detail", "invalid char in name: \n", {
      hint: "Take the line end out of the domain's name.",
    });
  return name;
}

/** As libvirt reads uuids: dashes may be anywhere or missing; written in lower case. */
function parseUuid(
  root: XmlElement,
  options: ParseDomainOptions,
): { uuid: string; withUuid: XmlElement } {
  const written = stringAt(root, "uuid");
  if (written !== undefined) {
    const uuid = canonicalUuid(written);
    if (uuid === undefined) throw new DomsnapError("internal-error", "malformed uuid element");
    return { uuid, withUuid: written === uuid ? root : insertUuid(root, uuid) };
  }
  const uuid = options.generateUuid?.();
  if (uuid === undefined)
    throw new DomsnapError("xml-error", "missing uuid in domain definition", {
      hint: "Add a <uuid> to the domain; 'uuidgen' makes one.",
    });
  return { uuid, withUuid: insertUuid(root, uuid) };
}

/** The canonical form of a uuid as libvirt accepts it; undefined for anything else. */
export function canonicalUuid(text: string): string | undefined {
  const digits = text.trim().replaceAll("-", "").toLowerCase();
  if (!/^[\da-f]{32}$/.test(digits)) return undefined;
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function insertUuid(root: XmlElement, uuid: string): XmlElement {
  const children = root.children.filter((child) => !isElement(child) || child.name !== "uuid");
  const at = children.findIndex((child) => isElement(child) && child.name === "name") + 1;
  return { ...root, children: children.toSpliced(at, 0, element("uuid", {}, [uuid])) };
}

function parseType(root: XmlElement): string {
  const type = root.attributes.get("type");
  if (!type) throw new DomsnapError("internal-error", "missing domain type attribute");
  if (DOMAIN_TYPES.has(type)) return type;
  throw new DomsnapError("config-unsupported", `invalid domain type ${type}`);
}

function parseOsType(root: XmlElement): string | undefined {
  const osType = stringAt(root, "os", "type");
  // A boot loader alone means a paravirtual Xen guest.
  if (osType === undefined && stringAt(root, "bootloader") === undefined)
    throw new DomsnapError("xml-error", "an os <type> must be specified");
  return osType;
}

function parseMemoryKib(root: XmlElement): bigint {
  const memory = elementsAt(root, "memory")[0];
  const text = memory && textOf(memory);
  const bytes = text
    ? parseScaledBytes(text, memory.attributes.get("unit"), 1024n, "./memory[1]")
    : numaBytes(root);
  if (bytes > 0n) return (bytes + 1023n) / 1024n;
  throw new DomsnapError(
    "xml-error",
    "Memory size must be specified via <memory> or in the <numa> configuration",
  );
}

function numaBytes(root: XmlElement): bigint {
  const cells = elementsAt(root, "cpu", "numa", "cell");
  const sizes = cells.map((cell) =>
    parseScaledBytes(
      cell.attributes.get("memory") ?? "0",
      cell.attributes.get("unit"),
      1024n,
      "./@memory",
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0n);
}

function hasPflashFirmware(root: XmlElement): boolean {
  const os = elementsAt(root, "os")[0];
  if (os === undefined) return false;
  return (
    os.attributes.get("firmware") === "efi" || attributeAt(os, ["loader"], "type") === "pflash"
  );
}
