import type { SnapshotDocuments } from "../core/ports/snapshot-documents.js";
import { relocateDisks, renameDomain } from "./domain-edit.js";
import { parseDomain } from "./domain.js";
import { formatSnapshot } from "./snapshot-format.js";
import { parseSnapshot } from "./snapshot.js";
import { asXenDomain } from "./xen-domain.js";

export { relocateDisks, renameDomain } from "./domain-edit.js";
export { diskElement, formatDisk, parseDisk } from "./domain-disks.js";
export { domainResources, type DomainResources } from "./domain-resources.js";
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
export {
  checkSnapshotXml,
  formatSnapshotXml,
  type CheckedSnapshot,
  type SnapshotCheck,
} from "./check.js";
export { decodeXmlBytes } from "./decode-bytes.js";
export { readXml, type ReadXmlOptions } from "./reader.js";
export { formatSnapshot, type FormatSnapshotOptions } from "./snapshot-format.js";
export { withoutSecurityInfo } from "./security-info.js";
export { parseSnapshotHead } from "./snapshot-head.js";
export {
  isSnapshotText,
  SnapshotReader,
  splitDocuments,
  type MetadataDocument,
} from "./snapshot-reader.js";
export { parseSnapshot } from "./snapshot.js";
export { locateSyntaxError, type TextPosition } from "./syntax-error.js";
export { escapeAttribute, escapeText, formatElement, indentXml } from "./writer.js";
export { DEFAULT_XML_LIMITS, type XmlLimits } from "./xml-limits.js";

/**
 * The documents of libvirt, as the rest of the house asks for them. What differs from libvirt on
 * purpose:
 * - document type declarations are refused, so nothing declares entities;
 * - size and number of nodes are limited (`DEFAULT_XML_LIMITS`);
 * - files may be UTF-8, UTF-16, US-ASCII or ISO-8859-1;
 * - tabs and line ends in attributes, and carriage returns, are written as references, so that a
 *   path is the same path after reading;
 * - namespaces are not looked at: a prefix is a part of the name;
 * - definitions are kept as they are written, where libvirt would drop what it does not know and
 *   add its defaults; comments are dropped.
 */
export const libvirtDocuments: SnapshotDocuments = {
  parseSnapshot,
  formatSnapshot,
  parseDomain: (text) => parseDomain(text),
  relocateDisks,
  renameDomain,
  asXenDomain,
};
