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
  | { readonly kind: "labels" }
  | { readonly kind: "network"; readonly protocol: string; readonly name?: string | undefined };

/** Stands for the document's own name, as a parent. */
export const ITSELF = "(itself)";

const usualNames = ["a", "b", "c"];
const anyName = rarely(
  fc.constantFrom(...usualNames),
  fc.constantFrom("d e", "x<y>", "é", "a/b", ".hidden", "-dash", " blank ", "a.b", "&'\""),
  12,
);
const description = fc.constantFrom("plain", " a <b> \"q\" 'x' & é ", "two\nlines", "\ttab");
const mode = fc.constantFrom("no", "internal", "external", "manual");
const oddMode = fc.constantFrom("", "default", "yes", "INTERNAL");

const fileSource = fc.record({
  kind: fc.constant("file" as const),
  name: fc.constantFrom(
    "new.qcow2",
    "newer.qcow2",
    "vda.a",
    "vdb.b",
    "empty",
    "other",
    "vda.qcow2",
  ),
});
const textSource = fc.record({
  kind: fc.constant("text" as const),
  text: fc.constantFrom("", "relative", "/nowhere/new"),
});
const networkSource = fc.record({
  kind: fc.constant("network" as const),
  protocol: fc.constantFrom("nbd", "rbd", "gluster", "bad"),
  name: maybe(fc.constantFrom("image", "pool/image", "/x"), 2),
});
const source: fc.Arbitrary<SourceSketch> = rarely(
  fileSource,
  fc.oneof(textSource, networkSource, fc.constant({ kind: "labels" as const })),
  6,
);

const wholeRequest: fc.Arbitrary<DiskRequestSketch> = fc.record({
  index: fc.nat({ max: 2 }),
  by: fc.oneof(
    { arbitrary: fc.constant("target" as const), weight: 5 },
    { arbitrary: fc.constant("path" as const), weight: 1 },
  ),
  snapshot: maybe(mode, 2),
  type: maybe(fc.constantFrom("file", "block"), 5),
  format: maybe(fc.constantFrom("qcow2", "qcow2", "qed", "raw", "vhd"), 4),
  cacheKib: maybe(fc.constantFrom(4, 0), 12),
  source: maybe(source, 4),
});

/** A request for an external disk, as they are written by people. */
const externalRequest: fc.Arbitrary<DiskRequestSketch> = wholeRequest.map((request) => ({
  ...request,
  snapshot: "external",
}));

const oddRequest: fc.Arbitrary<DiskRequestSketch> = fc
  .tuple(
    wholeRequest,
    fc.oneof(
      fc.record({ index: fc.constantFrom(5, 6) }),
      fc.record({ by: fc.constant("nothing" as const) }),
      fc.record({ snapshot: oddMode }),
      fc.record({ type: fc.constantFrom("volume", "dir", "none", "") }),
      fc.record({ format: fc.constantFrom("none", "QCOW2", "") }),
    ),
  )
  .map(([request, odd]) => ({ ...request, ...odd }));

const requests = rarely(
  fc.uniqueArray(fc.oneof(wholeRequest, externalRequest), {
    maxLength: 3,
    selector: (request) => request.index,
  }),
  fc.array(rarely(wholeRequest, oddRequest, 3), { minLength: 1, maxLength: 3 }),
  5,
);

const memory = fc.oneof(
  { arbitrary: fc.constant({ snapshot: "no" }), weight: 6 },
  { arbitrary: fc.constant({ snapshot: "internal" }), weight: 2 },
  { arbitrary: fc.constant({ snapshot: "external", file: "/nowhere/memory" }), weight: 4 },
  { arbitrary: fc.constant({ file: "/nowhere/memory" }), weight: 1 },
  {
    arbitrary: fc.record({
      snapshot: maybe(rarely(mode, oddMode, 4), 2),
      file: maybe(fc.constantFrom("", "relative", "/nowhere/memory"), 2),
    }),
    weight: 2,
  },
);

const oddDomain = fc.constantFrom<EmbeddedDomain>(
  ...(["none", "uuid", "foreign", "renamed", "bigger", "moved", "rewired"] as const),
);

/** Documents that are right more often than not; wrong ones are mostly wrong in one place. */
export const documentSketch: fc.Arbitrary<DocumentSketch> = fc.record({
  root: rarely(fc.constant("domainsnapshot"), fc.constantFrom("domain", "snapshot"), 100),
  name: rarely(anyName, fc.constant(undefined), 20),
  description: maybe(description, 3),
  state: rarely(
    rarely(
      fc.constantFrom("running", "paused", "shutoff", "shutoff", "disk-snapshot"),
      fc.constantFrom("shutdown", "crashed", "pmsuspended", "blocked"),
      12,
    ),
    fc.constantFrom("nostate", "bogus", "", undefined),
    40,
  ),
  creationTime: rarely(
    fc.constantFrom("1700000000", "5", "0", " 7", "-3", "9223372036854775807"),
    fc.constantFrom("7 ", "x", "", undefined, "9223372036854775808"),
    50,
  ),
  parent: maybe(rarely(fc.constantFrom(...usualNames), fc.constantFrom("nobody", ITSELF), 10), 2),
  memory: maybe(memory, 4),
  disks: rarely(requests, fc.constant([]), 3),
  domain: rarely(fc.constant("own" as const), oddDomain, 4),
  withInactiveDomain: fc.boolean(),
});

/** Mostly `usual`, once in `oneIn` cases `rare`. */
function rarely<Usual, Rare>(
  usual: fc.Arbitrary<Usual>,
  rare: fc.Arbitrary<Rare>,
  oneIn: number,
): fc.Arbitrary<Usual | Rare> {
  return fc.oneof(
    { withCrossShrink: true },
    { arbitrary: usual, weight: oneIn - 1 },
    { arbitrary: rare, weight: 1 },
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
    case "labels":
      return element("source", {}, [element("seclabel", { model: "dac", relabel: "no" })]);
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
  const isWhole = document.domain !== "uuid";
  return document.withInactiveDomain && isWhole ? [domain, inactive] : [domain];
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
