import {
  boolean,
  looseObject,
  number,
  optional,
  picklist,
  string,
  union,
  type InferOutput,
} from "valibot";

import { XL_BACKENDS, XL_DISK_FORMATS, type XlDisk } from "./xl-disk.js";

const flag = union([number(), boolean()]);
const defbool = picklist(["True", "False"]);

/** A disk in the JSON of libxl's configuration; a field at its default is left out there. */
export const libxlDiskSchema = looseObject({
  vdev: string(),
  pdev_path: optional(string()),
  format: optional(picklist(["unknown", ...XL_DISK_FORMATS])),
  backend: optional(picklist(["unknown", ...XL_BACKENDS])),
  backend_domid: optional(number()),
  backend_domname: optional(string()),
  script: optional(string()),
  removable: optional(flag),
  readwrite: optional(flag),
  is_cdrom: optional(flag),
  direct_io_safe: optional(boolean()),
  discard_enable: optional(defbool),
  colo_enable: optional(defbool),
  specification: optional(picklist(["unknown", "xen", "virtio"])),
});
export type LibxlDisk = InferOutput<typeof libxlDiskSchema>;

/** As libxl would write the disk that this specification describes. */
export function xlDiskToJson(disk: XlDisk): LibxlDisk {
  const { target, backendType, backendDomain, script, discard, specification } = disk;
  return {
    ...(backendDomain !== undefined && { backend_domname: backendDomain }),
    ...(target !== undefined && { pdev_path: target }),
    vdev: disk.vdev,
    ...(backendType && { backend: backendType }),
    format: disk.format,
    ...(script !== undefined && { script }),
    ...(disk.removable && { removable: 1 }),
    ...(disk.writable && { readwrite: 1 }),
    ...(disk.cdrom && { is_cdrom: 1 }),
    ...(disk.directIoSafe && { direct_io_safe: true }),
    ...(discard !== undefined && {
      discard_enable: discard ? ("True" as const) : ("False" as const),
    }),
    ...(specification && { specification }),
  };
}

/** The reverse; without `readwrite` a disk is read-only. */
export function xlDiskFromJson(json: LibxlDisk): XlDisk {
  const known = <Word extends string>(word: Word | "unknown" | undefined) =>
    word === "unknown" ? undefined : word;
  const backendType = known(json.backend);
  const specification = known(json.specification);
  const byNumber = json.backend_domid ? `${json.backend_domid}` : undefined;
  const backendDomain = json.backend_domname ?? byNumber;
  return {
    ...(json.pdev_path !== undefined && { target: json.pdev_path }),
    vdev: json.vdev,
    format: known(json.format) ?? "raw",
    writable: Boolean(json.readwrite),
    cdrom: Boolean(json.is_cdrom),
    removable: Boolean(json.removable),
    ...(backendType && { backendType }),
    ...(json.script !== undefined && { script: json.script }),
    ...(backendDomain !== undefined && { backendDomain }),
    ...(json.discard_enable && { discard: json.discard_enable === "True" }),
    ...(json.direct_io_safe && { directIoSafe: true }),
    ...(specification && { specification }),
    ...(json.colo_enable === "True" && { others: { colo: true } }),
  };
}
