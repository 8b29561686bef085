import { DomsnapError } from "../../core/errors/index.js";
import type { ImageFormat } from "../../core/model/index.js";
import { editXlCfg, parseXlCfg, xlList } from "../../formats/xl-cfg/index.js";
import {
  formatBlockTapTarget,
  formatXlDisk,
  isBlockTap,
  parseXlDisk,
  readBlockTap,
  type XlDisk,
  type XlDiskFormat,
} from "../../formats/xl-disk/index.js";
import { XL_DISK_FORMATS } from "../../formats/xl-disk/xl-disk.js";

/** The image that a disk is to be on. */
export interface DiskImage {
  readonly path?: string | undefined;
  readonly format?: ImageFormat | undefined;
}

/**
 * A text of xl.cfg(5) with other images for some disks; what `imageOf` gives undefined for stays,
 * and so does all else in the text. Throws `config-unsupported` for a format that xl has no word
 * for, and as `editXlCfg`.
 */
export function moveCfgDisks(
  text: string,
  fileName: string,
  imageOf: (disk: XlDisk) => DiskImage | undefined,
): string {
  const items = xlList(parseXlCfg(text, fileName), "disk");
  if (!items) return text;
  const disk = items.map((item) => {
    if (typeof item !== "string") return item;
    const written = parseXlDisk(item, fileName);
    const image = imageOf(readBlockTap(written));
    return image ? moveDisk(item, written, image) : item;
  });
  return editXlCfg(text, { disk });
}

/** xl's word for a format. Throws `config-unsupported` when it has none. */
export function xlFormatOf(target: string, format: ImageFormat = "raw"): XlDiskFormat {
  const known = XL_DISK_FORMATS.find((candidate) => candidate === format);
  if (known) return known;
  throw new DomsnapError(
    "config-unsupported",
    `the definition does not fit the domain's file: xl knows no format '${format}' for disk '${target}'`,
  );
}

function moveDisk(item: string, written: XlDisk, image: DiskImage): string {
  const before = readBlockTap(written);
  const format = before.format === "empty" ? "empty" : xlFormatOf(before.vdev, image.format);
  const { path: target } = image;
  if (before.target === target && before.format === format) return item;
  if (isBlockTap(written) && target !== undefined)
    return formatXlDisk({ ...written, target: formatBlockTapTarget(target, format) });
  // The kernel takes no other format than raw.
  const isKernels = written.backendType === "phy" && format !== "raw";
  return formatXlDisk({
    ...written,
    format,
    ...(target !== undefined && { target }),
    ...(isKernels && { backendType: "qdisk" as const }),
  });
}
