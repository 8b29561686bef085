import { DomsnapError } from "../core/errors/index.js";
import type { XmlElement } from "./element.js";

/**
 * The value of an attribute that is one of some words; undefined when the attribute is missing.
 * Throws `xml-error` with libvirt's text for any other word, the empty one too.
 */
export function parseEnumAttribute<Word extends string>(
  node: XmlElement,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const value = node.attributes.get(name);
  if (value === undefined) return undefined;
  const word = words.find((one) => one === value);
  if (word !== undefined) return word;
  throw new DomsnapError(
    "xml-error",
    `Invalid value for attribute '${name}' in element '${node.name}': '${value}'.`,
  );
}

/** The value of an attribute that must be there. Throws `xml-error` with libvirt's text. */
export function requireAttribute(node: XmlElement, name: string): string {
  const value = node.attributes.get(name);
  if (value !== undefined) return value;
  throw new DomsnapError(
    "xml-error",
    `Missing required attribute '${name}' in element '${node.name}'`,
  );
}

/** A decimal number as C's strtoll takes it: blanks before it, a sign, nothing after it. */
export function parseDecimal(text: string): bigint | undefined {
  const digits = /^[\t\n\v\f\r ]*([+-]?\d{1,40})$/.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(digits.replace(/^\+/, ""));
}

const UINT64_MAX = 2n ** 64n - 1n;
const POWERS = "kmgtpe";

/**
 * A size with a unit in bytes, as libvirt scales it: `k`, `KiB` by 1024, `KB` by 1000, case does
 * not matter, no unit means `defaultUnit`. `where` is how the text of the error names the place.
 * Throws `xml-error` (no number) or `invalid-argument` (no such unit).
 */
export function parseScaledBytes(
  text: string,
  unit: string | undefined,
  defaultUnitBytes: bigint,
  where: string,
): bigint {
  const value = parseDecimal(text);
  if (value === undefined || value < 0n || value > UINT64_MAX)
    throw new DomsnapError(
      "xml-error",
      `Invalid value '${text}' for element or attribute '${where}'`,
    );
  const bytes = value * (unit ? unitBytes(unit) : defaultUnitBytes);
  if (bytes <= UINT64_MAX) return bytes;
  throw new DomsnapError("xml-error", `value too large: ${value}${unit ?? ""}`);
}

function unitBytes(unit: string): bigint {
  const lower = unit.toLowerCase();
  if (lower === "b" || lower === "byte" || lower === "bytes") return 1n;
  const power = POWERS.indexOf(lower.charAt(0)) + 1;
  const rest = lower.slice(1);
  if (power > 0 && (rest === "" || rest === "ib")) return 1024n ** BigInt(power);
  if (power > 0 && rest === "b") return 1000n ** BigInt(power);
  throw new DomsnapError("invalid-argument", `unknown suffix '${unit}'`);
}
