import { childrenNamed, elementsAt, isElement, type XmlElement } from "./element.js";
import { readXml } from "./reader.js";
import { formatElement } from "./writer.js";

const PASSWORD_ATTRIBUTES: ReadonlySet<string> = new Set(["passwd", "passwdValidTo"]);

/**
 * Canonical text of a definition without what libvirt prints only on request: passwords of
 * displays and cookies of disks.
 */
export function withoutSecurityInfo(xml: string): string {
  if (!/passwd|<cookies>/.test(xml)) return xml;
  const root = readXml(xml);
  const secrets = new Set(elementsAt(root, "devices", "disk", "source").flatMap(cookiesOf));
  return formatElement(strip(root, secrets));
}

function cookiesOf(source: XmlElement): XmlElement[] {
  return childrenNamed(source, "cookies");
}

function strip(node: XmlElement, secrets: ReadonlySet<XmlElement>): XmlElement {
  const children = node.children
    .filter((child) => !isElement(child) || !secrets.has(child))
    .map((child) => (isElement(child) ? strip(child, secrets) : child));
  const attributes =
    node.name === "graphics"
      ? new Map([...node.attributes].filter(([name]) => !PASSWORD_ATTRIBUTES.has(name)))
      : node.attributes;
  return { name: node.name, attributes, children };
}
