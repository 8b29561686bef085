/** NAME_MAX of Linux, less what a file is called until it is complete. */
const LONGEST_FILE_NAME_BYTES = 255 - ".next.new".length;

const XL_FILE = /^snapshotdata-([^]+)\.xl$/;
const JSON_FILE = /^snapshotdata-d\.([^]+)\.libxl-json$/;

/** A file that describes a snapshot, by its name alone. */
export interface InformationFileName {
  /** Of the snapshot. */
  readonly name: string;
  readonly syntax: "xl" | "libxl-json";
}

/** What a file of the RFC (`snapshotdata-NAME.xl`) or of its prototype is about, or undefined. */
export function parseInformationFileName(fileName: string): InformationFileName | undefined {
  const xl = XL_FILE.exec(fileName)?.[1];
  if (xl !== undefined) return { name: xl, syntax: "xl" };
  const json = JSON_FILE.exec(fileName)?.[1];
  return json === undefined ? undefined : { name: json, syntax: "libxl-json" };
}

/**
 * The file of a snapshot; undefined for a name that would make it too long for a file system, or
 * lead to another folder.
 */
export function informationFileName(name: string): string | undefined {
  if (/[/\0]/.test(name)) return undefined;
  const fileName = `snapshotdata-${name}.xl`;
  return Buffer.byteLength(fileName) > LONGEST_FILE_NAME_BYTES ? undefined : fileName;
}

export function prototypeFileName(name: string): string {
  return `snapshotdata-d.${name}.libxl-json`;
}
