import {
  exactOptional,
  integer,
  is,
  minValue,
  number,
  pipe,
  regex,
  strictObject,
  string,
  type InferOutput,
} from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import { tryParseJson } from "../../formats/json.js";
import { formatCheckedLine, parseCheckedLine } from "../../formats/own-files.js";
import { dropUnfinished, replaceOutput } from "../../host/output-folder.js";
import { readStateBytes } from "../../host/state-files.js";

/**
 * What is made of an image, beside its copy: the only licence to replace or remove the copy, and
 * why an interrupted export does not copy it again.
 */
export const RECEIPT_SUFFIX = ".copied";
const RECEIPT_LIMIT_BYTES = 4096;

const receiptSchema = strictObject({
  /** Of the file that is copied: its size, time, inode, device, and what the copy stands on. */
  version: string(),
  /** In the name that the copy has until it is complete. */
  token: pipe(string(), regex(/^[0-9a-f]{12}$/)),
  /** Of the copy; see `identityOf`. */
  identity: string(),
  /** Missing until all is copied. */
  copied: exactOptional(
    strictObject({
      sha256: pipe(string(), regex(/^[0-9a-f]{64}$/)),
      bytes: pipe(number(), integer(), minValue(0)),
    }),
  ),
});

export type Receipt = InferOutput<typeof receiptSchema>;

/** One line of JSON behind its checksum: a wrong SHA-256 would only be found on the other host. */
export function formatReceipt(receipt: Receipt): string {
  return formatCheckedLine(JSON.stringify(receipt));
}

/** Undefined for what is not exactly one. */
export function parseReceipt(text: string): Receipt | undefined {
  const json = tryParseJson(parseCheckedLine(text.replace(/\n$/, "")) ?? "");
  return is(receiptSchema, json) ? json : undefined;
}

/** The receipt of a copy; undefined if there is none. Throws `image-conflict` for another file. */
export function readReceipt(copy: string): Receipt | undefined {
  const path = copy + RECEIPT_SUFFIX;
  const text = readStateBytes(path, RECEIPT_LIMIT_BYTES)?.toString("utf8");
  if (text === undefined) return undefined;
  const receipt = parseReceipt(text);
  if (receipt) return receipt;
  throw new DomsnapError(
    "image-conflict",
    `'${path}' is not what an export has written, so nobody knows whose '${copy}' is`,
    { hint: `Remove '${path}' and '${copy}' if they are of no use, or name an empty folder.` },
  );
}

/** Durable. To be called by who has read what is there. */
export async function writeReceipt(copy: string, receipt: Receipt): Promise<void> {
  const path = copy + RECEIPT_SUFFIX;
  const isOurs = (part: string) => part === "" || parseReceipt(part) !== undefined;
  await dropUnfinished(new Map([[path, isOurs]]));
  await replaceOutput(path, formatReceipt(receipt));
}
