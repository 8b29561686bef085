import { DomsnapError } from "../core/errors/index.js";
import { elementsOf, type XmlElement } from "./element.js";
import { any, findShapeProblems, maybe, one, optional, type Shape } from "./schema-shape.js";

/**
 * Throws `xml-invalid-schema` unless a `<domainsnapshot>` keeps to libvirt 9.0's RELAX NG schema,
 * which is stricter than its parser: no unknown elements or attributes, no children for disks that
 * are not external, overlay formats only, no `revertDisks`. The embedded definitions are not
 * checked against libvirt's domain schema, only that a `<domain>` is there at most once.
 */
export function assertSnapshotSchema(root: XmlElement): void {
  const problems = findShapeProblems(root, SNAPSHOT);
  if (problems.length === 0) return;
  throw new DomsnapError(
    "xml-invalid-schema",
    ["Unable to validate doc against domainsnapshot.rng", ...problems].join("\n"),
    { hint: "Correct what the message names, or leave --validate out." },
  );
}

const ANY = /[^]*/;
const YES_NO = /yes|no/;
const UNSIGNED = /\d+/;
const POSITIVE = /0*[1-9]\d*/;
const ABSOLUTE_PATH = /(?:\/|[a-zA-Z]:\\).+/;
const GENERIC_NAME = /[\w+-]+/;
const UUID = /[\da-fA-F]{32}|[\da-fA-F]{8}-(?:[\da-fA-F]{4}-){3}[\da-fA-F]{12}/;
const UNIT = /[bB](?:[yY][tT][eE][sS]?)?|[kKmMgGtTpPeE](?:[iI]?[bB])?/;
const DISK_NAME = /(?:ioemu:)?(?:fd|hd|sd|vd|xvd|ubd)[a-zA-Z0-9_]+|(?:\/|[a-zA-Z]:\\).+/;
const HOST_NAME = /[a-zA-Z0-9.-]+|[\da-fA-F:.]+/;
const COOKIE_NAME = /[!#$%&'*+\-.0-9A-Z^_`a-z|~]+/;
const COOKIE_VALUE = /"?[!#$%&'()*+\-./0-9:>=<?@A-Z^_`[\]a-z|~]+"?/;

const TEXT: Shape = { text: ANY };

/** A word between blanks, as schemas compare values. */
const word = (words: RegExp): RegExp => new RegExp(`[\\t\\n\\r ]*(?:${words.source})[\\t\\n\\r ]*`);

const ENCRYPTION: Shape = {
  attributes: { format: /default|qcow|luks|luks2/, engine: optional(/qemu|librbd/) },
  children: { secret: maybe("anything"), cipher: maybe("anything"), ivgen: maybe("anything") },
};
const SLICES: Shape = {
  children: { slice: one({ attributes: { type: /storage/, offset: UNSIGNED, size: POSITIVE } }) },
};

function seclabel(node: XmlElement): Shape {
  const model = optional(ANY);
  if (node.attributes.get("relabel") === "no") return { attributes: { model, relabel: /no/ } };
  if (node.attributes.has("labelskip")) return { attributes: { model, labelskip: /yes/ } };
  return {
    attributes: { model, relabel: optional(/yes/) },
    children: { label: { ...any(TEXT), min: 1 } },
  };
}

const LOCAL_CHILDREN = {
  seclabel: any(seclabel),
  slices: maybe(SLICES),
  encryption: maybe(ENCRYPTION),
};
const FILE_SOURCE: Shape = {
  attributes: { file: optional(ABSOLUTE_PATH), index: optional(POSITIVE) },
  children: LOCAL_CHILDREN,
  ordered: true,
};
const BLOCK_SOURCE: Shape = {
  attributes: { dev: ABSOLUTE_PATH, index: optional(POSITIVE) },
  children: LOCAL_CHILDREN,
  ordered: true,
};

function host(node: XmlElement): Shape {
  if (node.attributes.get("transport") === "unix")
    return { attributes: { transport: /unix/, socket: ABSOLUTE_PATH } };
  return {
    attributes: { transport: optional(/tcp|rdma/), name: HOST_NAME, port: optional(UNSIGNED) },
  };
}

const AUTH: Shape = {
  attributes: { username: GENERIC_NAME },
  children: { secret: one("anything") },
};
const TRANSFER = {
  readahead: maybe({ attributes: { size: POSITIVE } }),
  timeout: maybe({ attributes: { seconds: POSITIVE } }),
};
const SSL = maybe({ attributes: { verify: YES_NO } });
const COOKIES = maybe({
  children: {
    cookie: { ...any({ attributes: { name: COOKIE_NAME }, text: COOKIE_VALUE }), min: 1 },
  },
});
const ENCRYPTED = { encryption: maybe(ENCRYPTION) };
const ONE_HOST = { host: one(host) };
const AUTHENTICATED = { auth: maybe(AUTH), ...ENCRYPTED };

/** What a network source holds besides protocol, index and slices. */
const NETWORK_SOURCES: Readonly<Record<string, Shape>> = {
  nbd: {
    attributes: { name: optional(ANY), tls: optional(YES_NO), tlsHostname: optional(ANY) },
    children: { ...ONE_HOST, ...ENCRYPTED },
  },
  gluster: {
    attributes: { name: ANY },
    children: { host: { ...any(host), min: 1 }, ...ENCRYPTED },
  },
  rbd: {
    attributes: { name: optional(ANY) },
    children: {
      host: any(host),
      snapshot: maybe({ attributes: { name: GENERIC_NAME } }),
      config: maybe({ attributes: { file: ABSOLUTE_PATH } }),
      ...AUTHENTICATED,
    },
  },
  iscsi: {
    attributes: { name: ANY },
    children: {
      ...ONE_HOST,
      ...AUTHENTICATED,
      initiator: maybe({ children: { iqn: one({ attributes: { name: ANY } }) } }),
    },
  },
  http: {
    attributes: { name: ANY, query: optional(ANY) },
    children: { ...ONE_HOST, ...AUTHENTICATED, cookies: COOKIES, ...TRANSFER },
  },
  https: {
    attributes: { name: ANY, query: optional(ANY) },
    children: { ...ONE_HOST, ...AUTHENTICATED, ssl: SSL, cookies: COOKIES, ...TRANSFER },
  },
  ftps: {
    attributes: { name: ANY },
    children: { ...ONE_HOST, ...AUTHENTICATED, ssl: SSL, ...TRANSFER },
  },
  ftp: { attributes: { name: ANY }, children: { ...ONE_HOST, ...AUTHENTICATED, ...TRANSFER } },
  sheepdog: { attributes: { name: ANY }, children: { ...ONE_HOST, ...ENCRYPTED, ...TRANSFER } },
  tftp: { attributes: { name: ANY }, children: { ...ONE_HOST, ...ENCRYPTED, ...TRANSFER } },
  vxhs: { attributes: { name: ANY, tls: optional(YES_NO) }, children: ONE_HOST },
  nfs: {
    attributes: { name: ANY },
    children: {
      ...ONE_HOST,
      identity: one({
        attributes: { user: optional(GENERIC_NAME), group: optional(GENERIC_NAME) },
      }),
    },
  },
};

function networkSource(node: XmlElement): Shape {
  const protocol = node.attributes.get("protocol") ?? "";
  const special = Object.hasOwn(NETWORK_SOURCES, protocol) ? NETWORK_SOURCES[protocol] : undefined;
  if (special === undefined)
    return { attributes: { protocol: new RegExp(Object.keys(NETWORK_SOURCES).join("|")) } };
  return {
    attributes: { protocol: ANY, index: optional(POSITIVE), ...special.attributes },
    children: { slices: maybe(SLICES), ...special.children },
  };
}

const DRIVER: Shape = {
  attributes: { type: optional(/cow|qcow|qcow2|qed|vmdk/) },
  children: {
    metadata_cache: maybe({
      children: { max_size: maybe({ attributes: { unit: optional(UNIT) }, text: UNSIGNED }) },
    }),
  },
};

/** Only external disks may tell more than their name. */
function disk(node: XmlElement): Shape {
  const mode = node.attributes.get("snapshot");
  const name = DISK_NAME;
  if (mode !== undefined && mode !== "external")
    return { attributes: { name, snapshot: /no|internal|manual/ } };
  const attributes = { name, snapshot: optional(/external/) };
  switch (node.attributes.get("type") ?? "file") {
    case "network":
      return {
        attributes: { ...attributes, type: /network/ },
        children: { source: one(networkSource) },
      };
    case "block":
      return {
        attributes: { ...attributes, type: /block/ },
        children: { source: maybe(BLOCK_SOURCE), driver: maybe(DRIVER) },
      };
    default:
      return {
        attributes: { ...attributes, type: optional(/file/) },
        children: { source: maybe(FILE_SOURCE), driver: maybe(DRIVER) },
      };
  }
}

function memory(node: XmlElement): Shape {
  if (!node.attributes.has("file")) return { attributes: { snapshot: /no|internal/ } };
  return { attributes: { snapshot: optional(/external/), file: ABSOLUTE_PATH } };
}

/** Told apart by its type: a definition of any content, or a bare uuid. */
function isDefinition(node: XmlElement): boolean {
  return node.attributes.has("type");
}

const BARE_DOMAIN: Shape = { children: { uuid: one({ text: UUID }) } };

/** Elements of any names, but neither attributes nor text. */
function openList(node: XmlElement): Shape {
  const names = elementsOf(node).map((child) => [child.name, any("anything")] as const);
  return { children: Object.fromEntries(names) };
}

const SNAPSHOT: Shape = {
  children: {
    name: maybe(TEXT),
    description: maybe(TEXT),
    state: maybe({ text: word(/running|blocked|paused|shutdown|shutoff|crashed|disk-snapshot/) }),
    creationTime: maybe(TEXT),
    memory: maybe(memory),
    disks: maybe({ children: { disk: any(disk) } }),
    active: maybe({ text: word(/[01]/) }),
    domain: maybe((node) => (isDefinition(node) ? "anything" : BARE_DOMAIN)),
    inactiveDomain: maybe("anything"),
    parent: maybe({ children: { name: one(TEXT) } }),
    cookie: maybe(openList),
  },
};
