import { DomsnapError } from "../core/errors/index.js";
import { childNamed, childrenNamed, element, emptyAsAbsent, type XmlElement } from "./element.js";
import { commonChildren } from "./source-children.js";
import { parseEnumAttribute } from "./values.js";

/** libvirt's network protocols with the ports that it fills in; 0 means none. */
const DEFAULT_PORTS = {
  none: 0,
  nbd: 10809,
  rbd: 0,
  sheepdog: 7000,
  gluster: 24007,
  iscsi: 3260,
  http: 80,
  https: 443,
  ftp: 21,
  ftps: 990,
  tftp: 69,
  ssh: 22,
  vxhs: 9999,
  nfs: 0,
} as const;
type Protocol = keyof typeof DEFAULT_PORTS;
const PROTOCOLS = Object.keys(DEFAULT_PORTS) as Protocol[];

/** The `<source>` of a network disk as libvirt would print it. Throws libvirt's errors. */
export function parseNetworkSource(node: XmlElement): XmlElement {
  const protocol = parseProtocol(node);
  const name = node.attributes.get("name");
  if (name === undefined && protocol !== "nbd")
    throw new DomsnapError("xml-error", "missing name for disk source");
  const attributes = {
    protocol,
    name: canonicalName(protocol, emptyAsAbsent(name)),
    query: isHttp(protocol) ? node.attributes.get("query") : undefined,
    tls: parseEnumAttribute(node, "tls", ["yes", "no"]),
    tlsHostname: node.attributes.get("tlsHostname"),
  };
  const hosts = childrenNamed(node, "host").map((host) => parseHost(host, protocol));
  return element("source", attributes, [...hosts, ...protocolChildren(node, protocol)]);
}

function isHttp(protocol: Protocol): boolean {
  return protocol === "http" || protocol === "https";
}

function parseProtocol(node: XmlElement): Protocol {
  const protocol = parseEnumAttribute(node, "protocol", PROTOCOLS);
  if (protocol !== undefined) return protocol;
  throw new DomsnapError("xml-error", "Missing required attribute 'protocol' in element 'source'");
}

/** Gluster and rbd names are a volume and an image, told apart by the first slash. */
function canonicalName(protocol: Protocol, name: string | undefined): string | undefined {
  if (name === undefined || (protocol !== "gluster" && protocol !== "rbd")) return name;
  const slash = name.indexOf("/");
  if (slash <= 0)
    throw new DomsnapError("xml-error", `can't split path '${name}' into pool name and image name`);
  return slash === name.length - 1 ? undefined : name;
}

function parseHost(host: XmlElement, protocol: Protocol): XmlElement {
  const transport = host.attributes.get("transport") ?? "tcp";
  if (transport !== "tcp" && transport !== "unix" && transport !== "rdma")
    throw new DomsnapError("config-unsupported", `unknown protocol transport type '${transport}'`);
  const socket = host.attributes.get("socket");
  if (transport === "unix") {
    if (socket === undefined)
      throw new DomsnapError("xml-error", "missing socket for unix transport");
    return element("host", { transport, socket });
  }
  if (socket !== undefined)
    throw new DomsnapError(
      "xml-error",
      `transport '${host.attributes.get("transport") ?? "(null)"}' does not support socket attribute`,
    );
  const name = host.attributes.get("name");
  if (name === undefined) throw new DomsnapError("xml-error", "missing name for host");
  const port = hostPort(host, transport === "tcp" ? protocol : undefined);
  return element("host", { name, port, transport: transport === "tcp" ? undefined : transport });
}

/** libvirt takes 0 for "not told" and fills in what is usual. */
function hostPort(host: XmlElement, protocol: Protocol | undefined): string | undefined {
  const written = host.attributes.get("port") ?? "0";
  if (!/^\d{1,10}$/.test(written) || Number(written) > 0xffff_ffff)
    throw new DomsnapError("invalid-argument", `failed to parse port number '${written}'`);
  if (Number(written) > 0xffff)
    throw new DomsnapError("invalid-argument", `port '${written}' out of range`);
  const usual = protocol === undefined ? 0 : DEFAULT_PORTS[protocol];
  const port = Number(written) === 0 ? usual : Number(written);
  return port === 0 ? undefined : String(port);
}

const WITH_SSL: ReadonlySet<Protocol> = new Set(["https", "ftps"]);
const WITH_TRANSFER: ReadonlySet<Protocol> = new Set(["http", "https", "ftp", "ftps"]);

function protocolChildren(node: XmlElement, protocol: Protocol): XmlElement[] {
  const first = (name: string) => childrenNamed(node, name).slice(0, 1);
  return [
    ...(protocol === "nfs" ? first("identity") : []),
    ...snapshotName(node),
    ...first("config").filter((config) => config.attributes.has("file")),
    ...first("initiator"),
    ...(WITH_SSL.has(protocol) ? first("ssl").map(checkedSsl) : []),
    ...(WITH_TRANSFER.has(protocol)
      ? [...first("readahead"), ...first("timeout")].map(checkedTransfer)
      : []),
    ...commonChildren(node).filter((child) => child.name !== "seclabel"),
  ];
}

function checkedSsl(node: XmlElement): XmlElement {
  parseEnumAttribute(node, "verify", ["yes", "no"]);
  return node;
}

function checkedTransfer(node: XmlElement): XmlElement {
  const amount = node.attributes.get(node.name === "timeout" ? "seconds" : "size");
  if (amount === undefined || /^\d{1,20}$/.test(amount)) return node;
  throw new DomsnapError("xml-error", "invalid readahead size or timeout");
}

function snapshotName(node: XmlElement): XmlElement[] {
  const name = childNamed(node, "snapshot")?.attributes.get("name");
  return name === undefined ? [] : [element("snapshot", { name })];
}
