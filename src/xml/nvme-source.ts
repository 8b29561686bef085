import { DomsnapError } from "../core/errors/index.js";
import { childNamed, element, type XmlElement } from "./element.js";
import { commonChildren } from "./source-children.js";
import { parseEnumAttribute } from "./values.js";

/** The `<source>` of an NVMe disk as libvirt would print it. Throws libvirt's errors. */
export function parseNvmeSource(node: XmlElement): XmlElement {
  const type = node.attributes.get("type");
  if (type === undefined)
    throw new DomsnapError("xml-error", "missing 'type' attribute to disk source");
  if (type !== "pci") throw new DomsnapError("xml-error", `unsupported source type '${type}'`);
  const namespace = parseNamespace(node);
  const managed = parseEnumAttribute(node, "managed", ["yes", "no"]);
  const address = childNamed(node, "address");
  if (address === undefined)
    throw new DomsnapError("xml-error", "NVMe disk source is missing address");
  return element("source", { type, managed, namespace }, [
    parsePciAddress(address),
    ...commonChildren(node),
  ]);
}

function parseNamespace(node: XmlElement): string {
  const written = node.attributes.get("namespace");
  if (written === undefined)
    throw new DomsnapError("xml-error", "missing 'namespace' attribute to disk source");
  if (/^\d{1,20}$/.test(written) && BigInt(written) < 2n ** 64n) return String(BigInt(written));
  throw new DomsnapError("xml-error", `malformed namespace '${written}'`);
}

/** The parts of a PCI address: hexadecimal digits to print, and the largest value. */
const PARTS = [
  { name: "domain", digits: 4, max: 0xffff_ffff },
  { name: "bus", digits: 2, max: 0xff },
  { name: "slot", digits: 2, max: 0x1f },
  { name: "function", digits: 1, max: 7 },
] as const;

/** Missing parts are zero. An address of which only the function is told is not checked. */
function parsePciAddress(node: XmlElement): XmlElement {
  const values = PARTS.map((part) => ({ ...part, value: parseUnsigned(node, part.name) }));
  const isEmpty = values.every(({ name, value }) => name === "function" || value === 0);
  for (const { name, value, max } of values)
    if (value > max && !isEmpty) throw partTooLarge(name, value, max);
  const printed = values.map(({ name, digits, value }) => [name, hex(value, digits)] as const);
  return element("address", Object.fromEntries(printed));
}

function partTooLarge(name: string, value: number, max: number): DomsnapError {
  const isFunction = name === "function";
  const shown = isFunction ? hex(value) : `'${hex(value)}'`;
  const limit = isFunction ? String(max) : `0x${max.toString(16).toUpperCase()}`;
  return new DomsnapError("xml-error", `Invalid PCI address ${name}=${shown}, must be <= ${limit}`);
}

function hex(value: number, digits = 1): string {
  return `0x${value.toString(16).padStart(digits, "0")}`;
}

/** As C reads numbers: hexadecimal after 0x, octal after 0. */
function parseUnsigned(node: XmlElement, name: string): number {
  const written = node.attributes.get(name) ?? "0";
  if (/^0x[\da-f]{1,8}$/i.test(written)) return parseInt(written, 16);
  if (/^0[0-7]{1,10}$/.test(written)) return parseInt(written, 8);
  if (/^(?:0|[1-9]\d{0,9})$/.test(written)) return parseInt(written, 10);
  throw new DomsnapError(
    "xml-error",
    `Invalid value for attribute '${name}' in element '${node.name}': '${written}'. ` +
      "Expected non-negative integer value",
  );
}
