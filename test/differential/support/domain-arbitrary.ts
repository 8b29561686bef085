import fc from "fast-check";
import { element, type XmlElement } from "../../../src/xml/index.js";

/** A domain of a differential test, before it has a name and files. */
export interface DomainSketch {
  readonly state: "running" | "paused" | "shutoff";
  readonly disks: readonly DiskSketch[];
}

export interface DiskSketch {
  readonly target: string;
  readonly kind: DiskKind;
  readonly snapshot?: string | undefined;
  readonly flag?: "readonly" | "shareable" | undefined;
}

/** `existing` and `raw` are files that are there; `second` shares its base name with the first. */
export type DiskKind =
  | "qcow2"
  | "raw"
  | "second"
  | "missing"
  | "folder"
  | "no-format"
  | "block"
  | "rbd"
  | "nbd"
  | "empty-cdrom"
  | "cdrom"
  | "empty-floppy";

/** Where the files of one domain live, with the files that the kinds above expect there. */
export const IMAGE_FILES: readonly { readonly name: string; readonly from: "qcow2" | "raw" }[] = [
  ...["vda", "vdb", "vdc", "hda"].flatMap((target) => [
    { name: `${target}.qcow2`, from: "qcow2" as const },
    { name: `${target}.img`, from: "raw" as const },
  ]),
  { name: "medium.iso", from: "raw" },
];

const modes = fc.constantFrom("no", "internal", "external", "manual");

const diskKinds: readonly { readonly kind: DiskKind; readonly weight: number }[] = [
  { kind: "qcow2", weight: 12 },
  { kind: "raw", weight: 3 },
  { kind: "second", weight: 2 },
  { kind: "missing", weight: 1 },
  { kind: "folder", weight: 1 },
  { kind: "no-format", weight: 1 },
  { kind: "block", weight: 1 },
  { kind: "rbd", weight: 1 },
  { kind: "nbd", weight: 1 },
];

function disk(target: string): fc.Arbitrary<DiskSketch> {
  return fc
    .record({
      target: fc.constant(target),
      kind: fc.oneof(
        ...diskKinds.map(({ kind, weight }) => ({ arbitrary: fc.constant(kind), weight })),
      ),
      snapshot: maybe(modes, 4),
      flag: maybe(fc.constantFrom("readonly" as const, "shareable" as const), 8),
    })
    .map((sketch) => (mayHaveFlag(sketch) ? sketch : { ...sketch, flag: undefined }));
}

/** QEMU's limits: only raw images can be shared, and IDE knows no read-only disk. */
function mayHaveFlag({ target, kind, flag }: DiskSketch): boolean {
  if (flag === "shareable") return formatOf(kind) === "raw";
  return !target.startsWith("h");
}

function removable(target: string, ...kinds: DiskKind[]): fc.Arbitrary<DiskSketch> {
  return fc.record({
    target: fc.constant(target),
    kind: fc.constantFrom(...kinds),
    snapshot: maybe(modes, 6),
  });
}

/** Present in one of `rarity` cases. */
export function maybe<Value>(
  arbitrary: fc.Arbitrary<Value>,
  rarity: number,
): fc.Arbitrary<Value | undefined> {
  if (rarity <= 1) return arbitrary;
  return fc.oneof(
    { withCrossShrink: true },
    { arbitrary: fc.constant(undefined), weight: rarity - 1 },
    { arbitrary, weight: 1 },
  );
}

const allDisks = [
  disk("vda"),
  disk("vdb"),
  disk("vdc"),
  disk("hda"),
  removable("hdc", "empty-cdrom", "cdrom"),
  removable("fda", "empty-floppy"),
];

const disks = fc
  .tuple(...allDisks.map((one, index) => (index < 2 ? maybe(one, 1) : maybe(one, 4))))
  .map((sketches) => sketches.filter((sketch) => sketch !== undefined));

export const domainSketch = (...states: DomainSketch["state"][]): fc.Arbitrary<DomainSketch> =>
  fc.record({ state: fc.constantFrom(...states), disks });

/** The definition of a sketch, as a user would write it. */
export function sketchedDomainXml(
  sketch: DomainSketch,
  place: {
    readonly type: string;
    readonly name: string;
    readonly uuid: string;
    readonly directory: string;
  },
): XmlElement {
  return element("domain", { type: place.type }, [
    element("name", {}, [place.name]),
    element("uuid", {}, [place.uuid]),
    element("memory", { unit: "KiB" }, ["32768"]),
    element("vcpu", {}, ["1"]),
    element("os", {}, [element("type", { arch: "x86_64" }, ["hvm"])]),
    element(
      "devices",
      {},
      sketch.disks.map((one) => diskElement(one, place.directory)),
    ),
  ]);
}

/** The path of a disk's image; undefined where it has none. */
export function imagePath({ kind, target }: DiskSketch, directory: string): string | undefined {
  switch (kind) {
    case "qcow2":
      return `${directory}/${target}.qcow2`;
    case "raw":
    case "no-format":
      return `${directory}/${target}.img`;
    case "second":
      return `${directory}/vda.img`;
    case "missing":
      return `${directory}/missing.qcow2`;
    case "folder":
      return directory;
    case "block":
      return "/dev/null";
    case "cdrom":
      return `${directory}/medium.iso`;
    case "rbd":
      return "pool/image";
    case "nbd":
    case "empty-cdrom":
    case "empty-floppy":
      return undefined;
  }
}

function diskElement(sketch: DiskSketch, directory: string): XmlElement {
  const { kind, target } = sketch;
  const network = kind === "rbd" || kind === "nbd";
  const type = network ? "network" : kind === "block" ? "block" : "file";
  const device = kind.endsWith("cdrom") ? "cdrom" : kind.endsWith("floppy") ? "floppy" : "disk";
  const path = imagePath(sketch, directory);
  const bus = { v: "virtio", h: "ide", f: "fdc" }[target.charAt(0)];
  const source = network
    ? element("source", { protocol: kind, name: path }, [
        element("host", { name: "h", port: "1234" }),
      ])
    : path && element("source", { [type === "block" ? "dev" : "file"]: path });
  return element("disk", { type, device, snapshot: sketch.snapshot }, [
    ...(device === "disk" ? [element("driver", { name: "qemu", type: formatOf(kind) })] : []),
    ...(source ? [source] : []),
    element("target", { dev: target, bus }),
    ...(sketch.flag ? [element(sketch.flag)] : []),
  ]);
}

function formatOf(kind: DiskKind): string | undefined {
  if (kind === "no-format") return undefined;
  return kind === "qcow2" || kind === "missing" ? "qcow2" : "raw";
}
