import { isElement, type XmlElement } from "./element.js";
import { readXml } from "./reader.js";
import { formatElement } from "./writer.js";

/**
 * Canonical text of a definition without what libvirt prints only on request: the passwords of
 * displays, and the cookies of disks with all the images below them.
 */
export function withoutSecurityInfo(xml: string): string {
  return / passwd='|<cookies>/.test(xml) ? formatElement(withoutSecrets(readXml(xml))) : xml;
}

function withoutSecrets(node: XmlElement): XmlElement {
  if (node.name === "metadata") return node;
  const attributes = new Map(node.attributes);
  if (node.name === "graphics") attributes.delete("passwd");
  const children = node.children
    .filter((child) => !(node.name === "source" && isElement(child) && child.name === "cookies"))
    .map((child) => (isElement(child) ? withoutSecrets(child) : child));
  return { name: node.name, attributes, children };
}
