import type { SnapshotDocuments } from "../core/ports/snapshot-documents.js";
import { relocateDisks, renameDomain } from "./domain-edit.js";
import { parseDomain } from "./domain.js";
import { formatSnapshot } from "./snapshot-format.js";
import { parseSnapshot } from "./snapshot.js";

export { relocateDisks, renameDomain } from "./domain-edit.js";
export { canonicalUuid, parseDomain, type ParseDomainOptions } from "./domain.js";
export {
  attributeAt,
  childNamed,
  childrenNamed,
  element,
  elementsAt,
  elementsOf,
  isElement,
  stringAt,
  textOf,
  type XmlElement,
  type XmlNode,
} from "./element.js";
export { readXml, type ReadXmlOptions } from "./reader.js";
export { formatSnapshot, type FormatSnapshotOptions } from "./snapshot-format.js";
export { parseSnapshotHead } from "./snapshot-head.js";
export { parseSnapshot } from "./snapshot.js";
export { locateSyntaxError, type TextPosition } from "./syntax-error.js";
export { escapeAttribute, escapeText, formatElement, indentXml } from "./writer.js";
export { DEFAULT_XML_LIMITS, type XmlLimits } from "./xml-limits.js";

/** The documents of libvirt, as the rest of the house asks for them. */
export const libvirtDocuments: SnapshotDocuments = {
  parseSnapshot,
  formatSnapshot,
  parseDomain: (text) => parseDomain(text),
  relocateDisks,
  renameDomain,
};
