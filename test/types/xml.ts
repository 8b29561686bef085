// Compiled by `npm run types`, never run: what outside users may rely on, and what they may not do.
import type * as plugin from "../../src/plugin.js";
import type * as api from "../../src/xml/index.js";
import { same } from "./support/same.js";

/** The types of `domsnap/xml`. All have to be there. */
export type Names = [
  api.CheckedSnapshot,
  api.FormatSnapshotOptions,
  api.MetadataDocument,
  api.ParseDomainOptions,
  api.ReadXmlOptions,
  api.SnapshotCheck,
  api.SnapshotReader,
  api.TextPosition,
  api.XmlElement,
  api.XmlLimits,
  api.XmlNode,
];

same<typeof api.DEFAULT_XML_LIMITS, api.XmlLimits>(true);
same<
  typeof api.attributeAt,
  (parent: api.XmlElement, path: readonly string[], name: string) => string | undefined
>(true);
same<typeof api.canonicalUuid, (text: string) => string | undefined>(true);
same<typeof api.checkSnapshotXml, (check: api.SnapshotCheck) => api.CheckedSnapshot>(true);
same<
  typeof api.childNamed,
  (parent: api.XmlElement | undefined, name: string) => api.XmlElement | undefined
>(true);
same<typeof api.childrenNamed, (parent: api.XmlElement, name: string) => api.XmlElement[]>(true);
same<typeof api.decodeXmlBytes, (bytes: Uint8Array, documentName: string) => string>(true);
same<typeof api.diskElement, (disk: plugin.DomainDisk) => api.XmlElement>(true);
same<
  typeof api.element,
  (
    name: string,
    attributes?: Readonly<Record<string, string | undefined>>,
    children?: readonly api.XmlNode[],
  ) => api.XmlElement
>(true);
same<
  typeof api.elementsAt,
  (parent: api.XmlElement, ...path: readonly string[]) => api.XmlElement[]
>(true);
same<typeof api.elementsOf, (parent: api.XmlElement) => api.XmlElement[]>(true);
same<typeof api.escapeAttribute, (value: string) => string>(true);
same<typeof api.escapeText, (text: string) => string>(true);
same<typeof api.formatDisk, (disk: plugin.DomainDisk) => string>(true);
same<typeof api.formatElement, (root: api.XmlElement) => string>(true);
same<
  typeof api.formatSnapshot,
  (snapshot: plugin.ParsedSnapshot, options?: api.FormatSnapshotOptions) => string
>(true);
same<typeof api.formatSnapshotXml, (text: string) => string>(true);
same<typeof api.indentXml, (xml: string, levels: number) => string>(true);
same<typeof api.isElement, (node: api.XmlNode) => node is api.XmlElement>(true);
same<typeof api.isSnapshotText, (text: string) => boolean>(true);
same<typeof api.libvirtDocuments, plugin.SnapshotDocuments>(true);
same<typeof api.locateSyntaxError, (thrown: unknown) => api.TextPosition | undefined>(true);
same<typeof api.parseDisk, (text: string) => plugin.DomainDisk>(true);
same<
  typeof api.parseDomain,
  (text: string, options?: api.ParseDomainOptions) => plugin.DomainDefinition
>(true);
same<
  typeof api.parseSnapshot,
  (text: string, options?: plugin.ParseSnapshotOptions) => plugin.ParsedSnapshot
>(true);
same<
  typeof api.parseSnapshotHead,
  (text: string, options?: Pick<plugin.ParseSnapshotOptions, "keepUnknown">) => plugin.SnapshotHead
>(true);
same<
  typeof api.readXml,
  (input: string | Uint8Array, options?: api.ReadXmlOptions) => api.XmlElement
>(true);
same<
  typeof api.relocateDisks,
  (
    definition: plugin.DomainDefinition,
    relocations: readonly plugin.DiskRelocation[],
  ) => plugin.DomainDefinition
>(true);
same<
  typeof api.renameDomain,
  (definition: plugin.DomainDefinition, name: string) => plugin.DomainDefinition
>(true);
same<typeof api.splitDocuments, (text: string) => string[]>(true);
same<
  typeof api.stringAt,
  (parent: api.XmlElement, ...path: readonly string[]) => string | undefined
>(true);
same<typeof api.textOf, (node: api.XmlNode) => string>(true);
same<typeof api.withoutSecurityInfo, (xml: string) => string>(true);

same<api.XmlNode, api.XmlElement | string>(true);
same<
  ConstructorParameters<typeof api.SnapshotReader>,
  [options?: Pick<plugin.ParseSnapshotOptions, "keepUnknown"> | undefined]
>(true);
same<api.SnapshotReader["read"], (text: string) => api.MetadataDocument>(true);

same<
  api.ParseDomainOptions,
  {
    readonly generateUuid?: () => string;
  }
>(true);
same<
  api.XmlElement,
  {
    readonly name: string;
    readonly attributes: ReadonlyMap<string, string>;
    readonly children: readonly api.XmlNode[];
  }
>(true);
same<
  api.CheckedSnapshot,
  {
    readonly snapshot: plugin.DomainSnapshot;
    readonly xml: string;
  }
>(true);
same<
  api.SnapshotCheck,
  {
    readonly document: string;
    readonly domain: {
      readonly xml: string;

      readonly state?: plugin.DomainState;

      readonly persistent?: boolean;

      readonly inactiveXml?: string;
    };
    readonly existing?: readonly (string | plugin.DomainSnapshot)[];
    readonly current?: string;
    readonly flags?: plugin.CreateFlags;
    readonly rules?: plugin.DriverRules;
    readonly nowSeconds?: bigint;
    readonly probe?: plugin.FileProbe;
  }
>(true);
same<
  api.ReadXmlOptions,
  {
    readonly documentName?: string;
    readonly limits?: Partial<api.XmlLimits>;
  }
>(true);
same<
  api.FormatSnapshotOptions,
  {
    readonly secure?: boolean;
    readonly unknown?: boolean;
  }
>(true);
same<
  api.MetadataDocument,
  {
    readonly snapshot: plugin.DomainSnapshot;
    readonly active?: boolean;
  }
>(true);
same<
  api.TextPosition,
  {
    readonly line: number;
    readonly column: number;
  }
>(true);
same<
  api.XmlLimits,
  {
    readonly maxSize: number;
    readonly maxDepth: number;
    readonly maxNodes: number;
  }
>(true);

export function misuses(xml: typeof api, root: api.XmlElement): void {
  xml.formatElement(root);
  // @ts-expect-error: a text has no attributes
  xml.attributeAt("text", [], "name");
  // @ts-expect-error: elements are not for writing
  root.children = [];
  // @ts-expect-error: a document is checked against a domain
  xml.checkSnapshotXml({ document: "<domainsnapshot/>" });
  // @ts-expect-error: what was parsed may have no name, and a record has one
  const recorded: plugin.DomainSnapshot = xml.parseSnapshot("<domainsnapshot/>");
  xml.formatSnapshot(recorded);
}
