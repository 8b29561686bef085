import { IMAGE_FORMATS, type ImageFormat } from "../core/model/index.js";
import {
  editXlCfg,
  formatXlCfg,
  parseXlCfg,
  xlList,
  xlNumber,
  xlText,
  type XlConfig,
  type XlValue,
} from "../formats/xl-cfg/index.js";
import { parseXlDisk } from "../formats/xl-disk/index.js";
import { invalidFile } from "./invalid-file.js";
import type { ToolstackDiskSnapshot, ToolstackSnapshot } from "./toolstack-snapshot.js";

/** Names of the second proposal, by those of the third. */
const OLD_NAMES = {
  name: "snapshot_name",
  creationtime: "snapshot_creationtime",
  save: "snapshot_save",
} as const;

/** What such a file says; everything may be missing. */
export type InformationKeys = Partial<ToolstackSnapshot> & Pick<ToolstackSnapshot, "disks">;

/**
 * Reads the keys of the second or of the third proposal. Throws `invalid-argument` for values that
 * they cannot have.
 */
export function readInformationKeys(config: XlConfig, fileName?: string): InformationKeys {
  const name = textOf(config, "name");
  const description = xlText(config, "description");
  const creationTime = timeOf(config);
  const memoryFile = textOf(config, "save");
  const type = typeOf(xlText(config, "type"), fileName);
  return {
    ...(name && { name }),
    ...(description !== undefined && { description }),
    ...(creationTime !== undefined && { creationTime }),
    ...(memoryFile && { memoryFile }),
    ...(type && { type }),
    ...switchOf(config, "live", "live"),
    ...switchOf(config, "disk_only", "diskOnly"),
    disks: (xlList(config, "disk") ?? []).map((element) => parseDisk(element, fileName)),
  };
}

/**
 * Reads `snapshotdata-NAME.xl`, with the keys of the second or of the third proposal. Unknown keys
 * are passed over, as xl does. Throws `invalid-argument` for wrong syntax and for a file without
 * a name.
 */
export function parseInformationFile(text: string, fileName?: string): ToolstackSnapshot {
  const keys = readInformationKeys(parseXlCfg(text, fileName), fileName);
  const { name, creationTime = 0n } = keys;
  if (name === undefined) throw invalidFile(fileName, "the snapshot has no name");
  return { ...keys, name, creationTime };
}

/** Writes the keys of the third proposal. Throws `invalid-argument` for what they cannot hold. */
export function formatInformationFile(snapshot: ToolstackSnapshot): string {
  return formatXlCfg(informationKeys(snapshot));
}

/**
 * The text with the keys of the third proposal at other values. What else is in it stays as it is
 * written; names of the second proposal go, as they would contradict the new ones. Idempotent.
 * Throws `invalid-argument` for a text that is not valid, and for what the keys cannot hold.
 */
export function editInformationFile(text: string, snapshot: ToolstackSnapshot): string {
  const outdated = Object.values(OLD_NAMES).map((name) => [name, undefined] as const);
  return editXlCfg(text, { ...Object.fromEntries(outdated), ...informationKeys(snapshot) });
}

function informationKeys(snapshot: ToolstackSnapshot): Record<string, XlValue | undefined> {
  const { description, name, creationTime, memoryFile, type, live, diskOnly, disks } = snapshot;
  return {
    description,
    name,
    creationtime: String(creationTime),
    save: memoryFile,
    type,
    live: live === undefined ? undefined : yesNo(live),
    disk_only: diskOnly === undefined ? undefined : yesNo(diskOnly),
    disk: disks.map((disk) => formatDisk(disk, type)),
  };
}

function textOf(config: XlConfig, name: keyof typeof OLD_NAMES): string | undefined {
  return xlText(config, name) ?? xlText(config, OLD_NAMES[name]);
}

function timeOf(config: XlConfig): bigint | undefined {
  return xlNumber(config, "creationtime") ?? xlNumber(config, OLD_NAMES.creationtime);
}

function typeOf(word: string | undefined, fileName?: string): ToolstackSnapshot["type"] {
  if (word === undefined || word === "internal" || word === "external") return word;
  throw invalidFile(fileName, `unknown type '${word}'`);
}

function switchOf<Key extends string>(
  config: XlConfig,
  name: string,
  key: Key,
): Partial<Record<Key, boolean>> {
  const word = xlText(config, name);
  return word === undefined
    ? {}
    : ({ [key]: word === "yes" || word === "1" } as Record<Key, boolean>);
}

function yesNo(on: boolean): string {
  return on ? "yes" : "no";
}

/**
 * The name of a guest's disk as xl accepts it (and `vd`, for guests of QEMU), an equals sign, and
 * what belongs to it.
 */
const SMALL_FORM = /^((?:hd|sd|vd(?!ev=)|xvd)[a-z]+\d*|d\d+p\d+|\d+)=([^]*)$/;

/** `,,VDEV` of the ninth proposal: neither file nor format, so the state stays in the image. */
const NO_FILE = /^[ \t]*,[ \t]*,[ \t]*([^, \t=:]+)[ \t]*$/;

/**
 * `VDEV=FILE[,type=FORMAT]`, which is not a disk specification, or for what does not begin like
 * this a disk specification (the prototype's form, where `target=null` means no file, and
 * `FILE,FORMAT,VDEV` of the ninth proposal, where both may be empty).
 */
function parseDisk(element: XlValue, fileName?: string): ToolstackDiskSnapshot {
  if (typeof element !== "string") throw invalidFile(fileName, "a disk is a list");
  const [, device, rest] = SMALL_FORM.exec(element) ?? [];
  if (device === undefined || rest === undefined) {
    const inImage = NO_FILE.exec(element)?.[1];
    if (inImage !== undefined) return { device: inImage, type: "internal" };
    return parseSpecification(element, fileName);
  }
  const at = rest.lastIndexOf(",type=");
  const file = at < 0 ? rest : rest.slice(0, at);
  const format = at < 0 ? undefined : imageFormat(rest.slice(at + ",type=".length), fileName);
  return { device, ...(file !== "" && { file }), ...(format && { format }) };
}

function parseSpecification(element: string, fileName?: string): ToolstackDiskSnapshot {
  const { vdev: device, target, format } = parseXlDisk(element, fileName);
  if (!target || target === "null") return { device, type: "internal" };
  return { device, file: target, format: imageFormat(format, fileName), type: "external" };
}

function formatDisk(
  { device, file, format, type }: ToolstackDiskSnapshot,
  usual: ToolstackSnapshot["type"],
): string {
  if (file === undefined)
    return type === "internal" && usual === "external"
      ? `vdev=${device},target=null`
      : `${device}=`;
  const known = format === undefined ? "" : `,type=${format}`;
  if (format === undefined && file.includes(",type="))
    throw invalidFile(undefined, `the file '${file}' cannot be told without its format`);
  return `${device}=${file}${known}`;
}

function imageFormat(word: string, fileName?: string): ImageFormat {
  const format = IMAGE_FORMATS.find((known) => known === word);
  if (format !== undefined) return format;
  throw invalidFile(fileName, `unknown image format '${word}'`);
}
