import { DomsnapError } from "../core/errors/index.js";
import { commonChildren } from "./disk-source.js";
import { childNamed, childrenNamed, element, emptyAsAbsent, type XmlElement } from "./element.js";
import { parseEnumAttribute } from "./values.js";

/** libvirt's network protocols with the ports that it fills in; 0 means none. */
const DEFAULT_PORTS = {
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
  const name = emptyAsAbsent(node.attributes.get("name"));
  if (name === undefined && protocol !== "nbd")
    throw new DomsnapError("xml-error", "missing name for disk source");
  const tls = parseEnumAttribute(node, "tls", ["yes", "no"]);
  const attributes = {
    protocol,
    name: name === undefined ? undefined : canonicalName(protocol, name),
    query: isHttp(protocol) ? node.attributes.get("query") : undefined,
    tls,
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

/** Gluster and rbd names are a volume and an image; the joined form must be splittable. */
function canonicalName(protocol: Protocol, name: string): string {
  if (protocol !== "gluster" && protocol !== "rbd") return name;
  if (name.indexOf("/") > 0) return name;
  throw new DomsnapError("xml-error", `can't split path '${name}' into pool name and image name`);
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
      "transport='unix' is required for attribute 'socket' to be used",
    );
  const name = host.attributes.get("name");
  if (name === undefined) throw new DomsnapError("xml-error", "missing name for host");
  const port = hostPort(host, transport === "tcp" ? protocol : undefined);
  return element("host", { name, port, transport: transport === "tcp" ? undefined : transport });
}

/** libvirt takes 0 for "not told" and fills in what is usual. */
function hostPort(host: XmlElement, protocol: Protocol | undefined): string | undefined {
  const written = host.attributes.get("port") ?? "0";
  if (!/^\d{1,9}$/.test(written))
    throw new DomsnapError("invalid-argument", `failed to parse port number '${written}'`);
  const usual = protocol === undefined ? 0 : DEFAULT_PORTS[protocol];
  const port = Number(written) === 0 ? usual : Number(written);
  return port === 0 ? undefined : String(port);
}

function protocolChildren(node: XmlElement, protocol: Protocol): XmlElement[] {
  const first = (name: string) => childrenNamed(node, name).slice(0, 1);
  const withTls = protocol === "https" || protocol === "ftps";
  return [
    ...snapshotName(node),
    ...first("config").filter((config) => config.attributes.has("file")),
    ...first("initiator"),
    ...(withTls ? first("ssl") : []),
    ...(protocol === "nfs" ? first("identity") : []),
    ...commonChildren(node, "seclabel"),
  ];
}

function snapshotName(node: XmlElement): XmlElement[] {
  const name = childNamed(node, "snapshot")?.attributes.get("name");
  return name === undefined ? [] : [element("snapshot", { name })];
}
