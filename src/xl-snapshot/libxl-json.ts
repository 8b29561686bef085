import {
  array,
  boolean,
  integer,
  looseObject,
  nullish,
  number,
  optional,
  pipe,
  regex,
  safeParse,
  string,
  transform,
  union,
  type InferOutput,
} from "valibot";

import { IMAGE_FORMATS } from "../core/model/index.js";
import { invalidFile } from "./invalid-file.js";
import type {
  ToolstackDiskSnapshot,
  ToolstackSnapshot,
  ToolstackState,
} from "./toolstack-snapshot.js";

const seconds = union([
  pipe(
    number(),
    integer(),
    transform((value) => BigInt(value)),
  ),
  pipe(
    string(),
    regex(/^-?\d{1,19}$/),
    transform((value) => BigInt(value)),
  ),
]);
const flag = optional(
  union([
    boolean(),
    pipe(
      number(),
      transform((value) => Boolean(value)),
    ),
  ]),
);
const text = nullish(string());

const libxlSnapshot = looseObject({
  name: string(),
  description: text,
  creation_time: optional(seconds),
  memory: text,
  type: text,
  running: flag,
  blocked: flag,
  paused: flag,
  shutdown: flag,
  dying: flag,
  disks: nullish(
    array(looseObject({ device: string(), file: text, format: text, path: text, type: text })),
  ),
});
type LibxlSnapshot = InferOutput<typeof libxlSnapshot>;

/**
 * Reads `snapshotdata-d.NAME.libxl-json`, the file of the 2014 prototype: a `libxl_domain_snapshot`
 * with its `libxl_disk_snapshot`s as libxl's generated writers put them into JSON. A trailing NUL
 * is dropped. Throws `invalid-argument`.
 */
export function parseLibxlSnapshot(json: string, fileName = "(snapshot)"): ToolstackSnapshot {
  const result = safeParse(libxlSnapshot, parseJson(json.replace(/\0+$/, ""), fileName));
  if (!result.success) {
    const [issue] = result.issues;
    const path = issue.path?.map(({ key }) => String(key)).join(".") ?? "the document";
    throw invalidFile(fileName, `${path}: ${issue.message}`);
  }
  return fromLibxl(result.output, fileName);
}

/** The reverse; fields at their default are left out, as libxl does. */
export function formatLibxlSnapshot(snapshot: ToolstackSnapshot): string {
  const { name, description, creationTime, memoryFile, type, state = {}, disks } = snapshot;
  const fields = {
    name,
    description,
    creation_time: creationTime === 0n ? undefined : Number(creationTime),
    memory: memoryFile,
    type,
    ...Object.fromEntries(Object.entries(state).filter(([, on]) => on)),
    disks: disks.length === 0 ? undefined : disks.map((disk) => diskFields(disk, name)),
  };
  return `${JSON.stringify(fields, undefined, 4)}\n`;
}

function diskFields({ device, file, format, type }: ToolstackDiskSnapshot, name: string) {
  return { device, name, file, format, type };
}

function fromLibxl(json: LibxlSnapshot, fileName: string): ToolstackSnapshot {
  const { running, blocked, paused, shutdown, dying } = json;
  const state: ToolstackState = Object.fromEntries(
    Object.entries({ running, blocked, paused, shutdown, dying }).filter(([, on]) => on),
  );
  return {
    name: json.name,
    ...(json.description && { description: json.description }),
    creationTime: json.creation_time ?? 0n,
    ...(json.memory && { memoryFile: json.memory }),
    ...typeField(json.type),
    ...(Object.keys(state).length > 0 && { state }),
    disks: (json.disks ?? []).map(({ device, file, format, type }) => ({
      device,
      ...(file && { file }),
      ...formatField(format, fileName),
      ...typeField(type),
    })),
  };
}

function typeField(word: string | null | undefined): Pick<ToolstackSnapshot, "type"> {
  return word === "internal" || word === "external" ? { type: word } : {};
}

function formatField(
  word: string | null | undefined,
  fileName: string,
): Pick<ToolstackDiskSnapshot, "format"> {
  if (!word || word === "unknown" || word === "empty") return {};
  const format = IMAGE_FORMATS.find((known) => known === word);
  if (format === undefined) throw invalidFile(fileName, `unknown image format '${word}'`);
  return { format };
}

function parseJson(json: string, fileName: string): unknown {
  try {
    return JSON.parse(json);
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw invalidFile(fileName, `it is not JSON: ${reason}`);
  }
}
