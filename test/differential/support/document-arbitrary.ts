import fc from "fast-check";
import { element, formatElement, readXml, type XmlElement } from "../../../src/xml/index.js";
import { imagePath, maybe, type DomainSketch } from "./domain-arbitrary.js";

/** A `<domainsnapshot>` of a differential test, before it knows its domain. */
export interface DocumentSketch {
  readonly root: string;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly state?: string | undefined;
  readonly creationTime?: string | undefined;
  readonly parent?: string | undefined;
  readonly memory?:
    { readonly snapshot?: string | undefined; readonly file?: string | undefined } | undefined;
  readonly disks: readonly DiskRequestSketch[];
  readonly domain: EmbeddedDomain;
  readonly withInactiveDomain: boolean;
}

export type EmbeddedDomain =
  "own" | "none" | "uuid" | "foreign" | "renamed" | "bigger" | "moved" | "rewired";

export interface DiskRequestSketch {
  /** Which disk of the domain; beyond the last one is a disk that does not exist. */
  readonly index: number;
  readonly by: "target" | "path" | "nothing";
  readonly snapshot?: string | undefined;
  readonly type?: string | undefined;
  readonly format?: string | undefined;
  readonly cacheKib?: number | undefined;
  readonly source?: SourceSketch | undefined;
}

export type SourceSketch =
  | { readonly kind: "file"; readonly name: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "network"; readonly protocol: string; readonly name?: string | undefined };

export const NAMES = ["a", "b", "c", "d e", "x<y>", "é"];
const anyName = fc.oneof(
  { arbitrary: fc.constantFrom(...NAMES), weight: 14 },
  { arbitrary: fc.constantFrom("a/b", ".hidden", "-dash", " blank ", "a.b", "&'\""), weight: 1 },
);
const description = fc.constantFrom("plain", " a <b> \"q\" 'x' & é ", "two\nlines", "\ttab");
const mode = fc.constantFrom("no", "internal", "external", "manual");
const oddMode = fc.constantFrom("", "default", "yes", "INTERNAL");

const source: fc.Arbitrary<SourceSketch> = fc.oneof(
  {
    arbitrary: fc.record({
      kind: fc.constant("file" as const),
      name: fc.constantFrom("new.qcow2", "vda.a", "vdb.b", "empty", "other", "vda.qcow2"),
    }),
    weight: 6,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("text" as const),
      text: fc.constantFrom("", "relative", "/nowhere/new"),
    }),
    weight: 1,
  },
  {
    arbitrary: fc.record({
      kind: fc.constant("network" as const),
      protocol: fc.constantFrom("nbd", "rbd", "gluster", "bad"),
      name: maybe(fc.constantFrom("image", "pool/image", "/x"), 2),
    }),
    weight: 1,
  },
);

const diskRequest: fc.Arbitrary<DiskRequestSketch> = fc.record({
  index: fc.oneof(
    { arbitrary: fc.nat({ max: 2 }), weight: 9 },
    { arbitrary: fc.nat({ max: 6 }), weight: 1 },
  ),
  by: fc.oneof(
    { arbitrary: fc.constant("target" as const), weight: 20 },
    { arbitrary: fc.constant("path" as const), weight: 4 },
    { arbitrary: fc.constant("nothing" as const), weight: 1 },
  ),
  snapshot: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 4 },
    { arbitrary: mode, weight: 8 },
    { arbitrary: oddMode, weight: 1 },
  ),
  type: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 12 },
    { arbitrary: fc.constantFrom("file", "block"), weight: 3 },
    { arbitrary: fc.constantFrom("volume", "dir", "none", ""), weight: 1 },
  ),
  format: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 30 },
    { arbitrary: fc.constantFrom("qcow2", "qed", "raw", "vhd"), weight: 15 },
    { arbitrary: fc.constantFrom("none", "QCOW2", ""), weight: 1 },
  ),
  cacheKib: maybe(fc.constantFrom(4, 0), 12),
  source: maybe(source, 3),
});

const memory = fc.record({
  snapshot: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 4 },
    { arbitrary: mode, weight: 12 },
    { arbitrary: oddMode, weight: 1 },
  ),
  file: fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 5 },
    { arbitrary: fc.constant("/nowhere/memory"), weight: 3 },
    { arbitrary: fc.constantFrom("", "relative"), weight: 1 },
  ),
});

const embedded: fc.Arbitrary<EmbeddedDomain> = fc.oneof(
  { arbitrary: fc.constant("own" as const), weight: 14 },
  {
    arbitrary: fc.constantFrom<EmbeddedDomain>(
      "none",
      "uuid",
      "foreign",
      "renamed",
      "bigger",
      "moved",
      "rewired",
    ),
    weight: 4,
  },
);

/** Documents that are right more often than not; wrong ones are wrong in one or two places. */
export const documentSketch: fc.Arbitrary<DocumentSketch> = fc.record({
  root: rarely("domainsnapshot", fc.constantFrom("domain", "snapshot"), 60),
  name: rarely(undefined, anyName, 20, 19),
  description: maybe(description, 3),
  state: fc.oneof(
    {
      arbitrary: fc.constantFrom("running", "paused", "shutoff", "shutoff", "disk-snapshot"),
      weight: 16,
    },
    { arbitrary: fc.constantFrom("shutdown", "crashed", "pmsuspended", "blocked"), weight: 2 },
    { arbitrary: fc.constantFrom("nostate", "bogus", "", undefined), weight: 1 },
  ),
  creationTime: fc.oneof(
    { arbitrary: fc.constantFrom("1700000000", "5", "0"), weight: 20 },
    { arbitrary: fc.constantFrom(" 7", "-3", "9223372036854775807"), weight: 3 },
    { arbitrary: fc.constantFrom("7 ", "x", "", undefined, "9223372036854775808"), weight: 1 },
  ),
  parent: maybe(fc.constantFrom(...NAMES, "nobody"), 2),
  memory: maybe(memory, 3),
  disks: fc.oneof(
    { arbitrary: fc.constant([]), weight: 1 },
    { arbitrary: fc.array(diskRequest, { maxLength: 3 }), weight: 2 },
  ),
  domain: embedded,
  withInactiveDomain: fc.boolean(),
});

function rarely<Usual, Rare>(
  usual: Usual,
  rare: fc.Arbitrary<Rare>,
  total: number,
  rareWeight = 1,
): fc.Arbitrary<Usual | Rare> {
  return fc.oneof(
    { arbitrary: fc.constant(usual), weight: total - rareWeight },
    { arbitrary: rare, weight: rareWeight },
  );
}

export interface DocumentPlace {
  readonly sketch: DomainSketch;
  /** The domain's definition as libvirt prints it. */
  readonly domainXml: string;
  /** Where the domain's images are. */
  readonly directory: string;
}

export function sketchedDocument(document: DocumentSketch, place: DocumentPlace): string {
  const text = (name: string, value: string | undefined) =>
    value === undefined ? [] : [element(name, {}, [value])];
  const root = element(document.root, {}, [
    ...text("name", document.name),
    ...text("description", document.description),
    ...text("state", document.state),
    ...(document.parent === undefined
      ? []
      : [element("parent", {}, text("name", document.parent))]),
    ...text("creationTime", document.creationTime),
    ...(document.memory ? [element("memory", { ...document.memory })] : []),
    element(
      "disks",
      {},
      document.disks.map((disk) => diskElement(disk, place)),
    ),
    ...domainElements(document, place.domainXml),
  ]);
  return `${formatElement(root)}\n`;
}

function diskElement(request: DiskRequestSketch, { sketch, directory }: DocumentPlace): XmlElement {
  const disk = sketch.disks[request.index];
  const target = disk?.target ?? "vdz";
  const path = disk && imagePath(disk, directory);
  const name = { target, path: path ?? "/nowhere", nothing: undefined }[request.by];
  const isNetwork = request.source?.kind === "network";
  const type = isNetwork ? "network" : request.type;
  const { format, cacheKib } = request;
  const cache = element("metadata_cache", {}, [
    element("max_size", { unit: "KiB" }, [String(cacheKib)]),
  ]);
  const driver = element("driver", { type: format }, cacheKib === undefined ? [] : [cache]);
  return element("disk", { name, snapshot: request.snapshot, type }, [
    ...(format === undefined && cacheKib === undefined ? [] : [driver]),
    ...(request.source ? [sourceElement(request.source, type, directory)] : []),
  ]);
}

function sourceElement(
  source: SourceSketch,
  type: string | undefined,
  directory: string,
): XmlElement {
  const attribute = type === "block" ? "dev" : "file";
  switch (source.kind) {
    case "file":
      return element("source", { [attribute]: `${directory}/${source.name}` });
    case "text":
      return element("source", { [attribute]: source.text });
    case "network":
      return element("source", { protocol: source.protocol, name: source.name }, [
        element("host", { name: "host" }),
      ]);
  }
}

function domainElements(document: DocumentSketch, domainXml: string): XmlElement[] {
  const domain = embeddedDomain(document.domain, domainXml);
  if (!domain) return [];
  const inactive = { ...domain, name: "inactiveDomain" };
  return document.withInactiveDomain ? [domain, inactive] : [domain];
}

/** A disk without wishes of its own, up to its target; `readonly` would come next. */
const PLAIN_DISK =
  /(<disk type='file' device='disk'>(?:(?!<\/disk>)[^])*?<target [^>]*\/>)(?!\s*<readonly)/;
const FOREIGN_UUID = "99999999-9999-4999-8999-999999999999";

function embeddedDomain(kind: EmbeddedDomain, domainXml: string): XmlElement | undefined {
  const own = readXml(domainXml);
  const changed = (search: RegExp | string, replacement: string) =>
    readXml(domainXml.replace(search, replacement));
  switch (kind) {
    case "none":
      return undefined;
    case "own":
      return own;
    case "uuid":
      return element("domain", {}, [element("uuid", {}, [FOREIGN_UUID])]);
    case "foreign":
      return changed(/<uuid>.*<\/uuid>/, `<uuid>${FOREIGN_UUID}</uuid>`);
    case "renamed":
      return changed(/<name>.*<\/name>/, "<name>another</name>");
    case "bigger":
      return changed(/>32768<\/memory>/, ">65536</memory>");
    case "moved":
      return changed(/<source file='[^']*'/, "<source file='/nowhere/moved.img'");
    case "rewired":
      return changed(PLAIN_DISK, "$1<readonly/>");
  }
}
