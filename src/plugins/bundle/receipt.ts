import {
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

import { tryParseJson } from "../../formats/json.js";
import { formatCheckedLine, parseCheckedLine } from "../../formats/own-files.js";

/** What was copied, beside the copy: an interrupted export does not copy it again. */
export const RECEIPT_SUFFIX = ".copied";
export const RECEIPT_LIMIT_BYTES = 4096;

const receiptSchema = strictObject({
  /** Of the file that was copied: its size, time, inode, device, and what the copy stands on. */
  version: string(),
  /** Of the copy. */
  sha256: pipe(string(), regex(/^[0-9a-f]{64}$/)),
  bytes: pipe(number(), integer(), minValue(0)),
});

export type Receipt = InferOutput<typeof receiptSchema>;

/** One line of JSON behind its checksum: a wrong SHA-256 would only be found on the other host. */
export function formatReceipt(receipt: Receipt): string {
  return formatCheckedLine(JSON.stringify(receipt));
}

/** Undefined for what is not exactly one: the file is then copied again. */
export function parseReceipt(text: string): Receipt | undefined {
  const json = tryParseJson(parseCheckedLine(text.replace(/\n$/, "")) ?? "");
  return is(receiptSchema, json) ? json : undefined;
}
