import {
  array,
  literal,
  number,
  object,
  optional,
  picklist,
  regex,
  pipe,
  safeParse,
  string,
  type InferOutput,
} from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import { IMAGE_FORMATS } from "../../core/model/index.js";

export const MANIFEST = "manifest.json";
/** Only folders that a bundle itself makes, and no way out of them. */
const fileName = pipe(
  string(),
  regex(/^(?:(?:snapshots|images)\/)?[^/\0]+$/),
  regex(/^(?!.*\.\.)/s),
);
const sha256 = pipe(string(), regex(/^[0-9a-f]{64}$/));

const documentSchema = object({ file: fileName, sha256 });
const payload = object({
  /** Where it was on the host that it comes from. */
  path: string(),
  file: fileName,
  sha256,
  bytes: number(),
});

const manifestSchema = object({
  domsnapBundle: literal(1),
  domain: object({ name: string(), uuid: string() }),
  current: optional(string()),
  definition: documentSchema,
  /** In the order of import: parents first. */
  snapshots: array(object({ ...documentSchema.entries, name: string() })),
  images: array(object({ ...payload.entries, format: picklist(IMAGE_FORMATS) })),
  memory: array(payload),
});

/** What a bundle holds, with the SHA-256 of every file. Written last: with it a bundle is whole. */
export type Manifest = InferOutput<typeof manifestSchema>;
export type Payload = InferOutput<typeof payload>;

export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** Throws `invalid-argument`. */
export function parseManifest(text: string, path: string): Manifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (thrown) {
    throw new DomsnapError("invalid-argument", `'${path}' is not JSON`, { cause: thrown });
  }
  const result = safeParse(manifestSchema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = issue.path?.map(({ key }) => String(key)).join(".") ?? "";
  throw new DomsnapError(
    "invalid-argument",
    `'${path}' is no bundle of this version: ${where}: ${issue.message}`,
  );
}
