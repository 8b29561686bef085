import { array, boolean, looseObject, nullish, number, object, optional, string } from "valibot";

import type { QmpClient } from "./qmp-client.js";
import { isRecord } from "../../formats/json.js";
import { readReply } from "./read-reply.js";

/** One opened layer of an image: the file, its format, or a filter above. */
export interface BlockNode {
  /** Names that QEMU made up (`#block123`) change whenever something is put above. */
  readonly name: string;
  /** `qcow2`, `raw`, `file`, `host_device`, `throttle`, ... */
  readonly driver: string;
  /** The file or device at the bottom of this layer, without backing images; missing for others. */
  readonly path?: string;
  readonly readOnly: boolean;
  readonly cache: { readonly direct: boolean; readonly noFlush: boolean };
  /** What the image itself contains; missing when it is nothing. */
  readonly snapshots?: readonly { readonly tag: string; readonly vmStateBytes: number }[];
}

/** A drive as the guest sees it. */
export interface BlockDevice {
  /** Name of a `-drive`; missing for a `-blockdev`. */
  readonly device?: string;
  /** The id of the guest's device, or its path in QEMU; stays the same when overlays come. */
  readonly qdev?: string;
  /** Missing for an empty drive. */
  readonly top?: BlockNode;
  /** The images that stand on one another, as QEMU names them, top first. */
  readonly chain?: readonly string[];
}

export interface BlockGraph {
  readonly devices: readonly BlockDevice[];
  /** All layers of all images, backing images too. */
  readonly nodes: readonly BlockNode[];
}

const Snapshot = looseObject({ name: string(), "vm-state-size": number() });

const Node = looseObject({
  "node-name": optional(string(), ""),
  drv: string(),
  file: string(),
  ro: boolean(),
  cache: object({ writeback: boolean(), direct: boolean(), "no-flush": boolean() }),
  image: optional(looseObject({ snapshots: optional(array(Snapshot), []) })),
});

const BlockDevices = array(
  looseObject({ device: string(), qdev: optional(string()), inserted: nullish(Node) }),
);

/** Asks for everything at once: what changes between two questions is not to be trusted. */
export async function queryBlockGraph(client: QmpClient): Promise<BlockGraph> {
  const [devices, nodes] = await Promise.all([
    client.execute("query-block"),
    // Without `flat` every node tells its whole chain: quadratic, megabytes for long ones.
    client.execute("query-named-block-nodes", { flat: true }),
  ]);
  return { devices: parseBlockDevices(devices), nodes: parseBlockNodes(nodes) };
}

/** The answer to `query-block`. Throws `tool-failed` for anything else. */
export function parseBlockDevices(reply: unknown): BlockDevice[] {
  return readReply("query-block", BlockDevices, reply).map(({ device, qdev, inserted }) => ({
    ...(device !== "" && { device }),
    ...(qdev !== undefined && { qdev }),
    ...(inserted && { top: toNode(inserted) }),
    ...(inserted && { chain: chainOf(inserted.image) }),
  }));
}

/** The answer to `query-named-block-nodes`. Throws `tool-failed` for anything else. */
export function parseBlockNodes(reply: unknown): BlockNode[] {
  return readReply("query-named-block-nodes", array(Node), reply).map(toNode);
}

function chainOf(top: unknown): string[] {
  const chain: string[] = [];
  for (let image = top; isRecord(image); image = image["backing-image"]) {
    const name = image["filename"];
    chain.push((typeof name === "string" ? localPathOf(name) : undefined) ?? "");
  }
  return chain;
}

function toNode({ drv: driver, file, ro: readOnly, cache, image, ...node }: ReplyNode): BlockNode {
  const path = localPathOf(file);
  const snapshots = (image?.snapshots ?? []).map((snapshot) => ({
    tag: snapshot.name,
    vmStateBytes: snapshot["vm-state-size"],
  }));
  return {
    name: node["node-name"],
    driver,
    ...(path !== undefined && { path }),
    readOnly,
    cache: { direct: cache.direct, noFlush: cache["no-flush"] },
    ...(snapshots.length > 0 && { snapshots }),
  };
}
type ReplyNode = ReturnType<typeof readReply<typeof Node>>;

/** QEMU names an image by its path or, where that would not do, by all its options as JSON. */
function localPathOf(name: string): string | undefined {
  if (name.startsWith("/")) return name;
  if (!name.startsWith("json:")) return undefined;
  let options: unknown = JSON.parse(name.slice("json:".length));
  while (isRecord(options) && isRecord(options["file"])) options = options["file"];
  if (!isRecord(options)) return undefined;
  const { driver, filename } = options;
  const isLocal = driver === "file" || driver === "host_device";
  return isLocal && typeof filename === "string" ? filename : undefined;
}
