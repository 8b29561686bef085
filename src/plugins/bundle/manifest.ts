import {
  array,
  exactOptional,
  integer,
  is,
  literal,
  minValue,
  number,
  picklist,
  pipe,
  regex,
  startsWith,
  strictObject,
  string,
  type InferOutput,
} from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import { IMAGE_FORMATS } from "../../core/model/index.js";
import { isRecord, tryParseJson } from "../../formats/json.js";
import { otherVersion, WRITER } from "../../formats/own-files.js";
import { schemaProblem } from "../../formats/schema-problem.js";
import { sha256Of } from "./checksum.js";

export const MANIFEST = "manifest.json";

/** Of the bundle as a whole: of this file, and of what the others are. */
const BUNDLE_VERSION = 2;

/** Only folders that a bundle itself makes, and no way out of them. */
const fileName = pipe(
  string(),
  regex(/^(?:(?:snapshots|images)\/)?[^/\0]+$/),
  regex(/^(?!.*\.\.)/s),
);
const sha256 = pipe(string(), regex(/^[0-9a-f]{64}$/));

const document = strictObject({ file: fileName, sha256 });
const payload = strictObject({
  /** Where it was on the host that it comes from. */
  path: pipe(string(), startsWith("/")),
  file: fileName,
  sha256,
  bytes: pipe(number(), integer(), minValue(0)),
});

const manifestSchema = strictObject({
  domsnapBundle: literal(BUNDLE_VERSION),
  writer: string(),
  domain: strictObject({ name: string(), uuid: string() }),
  current: exactOptional(string()),
  definition: document,
  /** In the order of import: parents first. */
  snapshots: array(strictObject({ ...document.entries, name: string() })),
  images: array(strictObject({ ...payload.entries, format: picklist(IMAGE_FORMATS) })),
  memory: array(payload),
  sha256,
});
type SealedManifest = InferOutput<typeof manifestSchema>;

/** What a bundle holds, with the SHA-256 of every file. Written last: with it a bundle is whole. */
export type Manifest = Omit<SealedManifest, "domsnapBundle" | "writer" | "sha256">;
export type Payload = InferOutput<typeof payload>;

/** The last member of the text, and the end of it. */
const SEAL = /^ {2}"sha256": "([0-9a-f]{64})"\n\}\n?$/m;

/**
 * A manifest is JSON. Its last member, in a line of its own, is the SHA-256 of all lines before it.
 * `writer` is to be that of the same bundle when it is written again.
 */
export function formatManifest(manifest: Manifest, writer = WRITER): string {
  const unsealed = { domsnapBundle: BUNDLE_VERSION, writer, ...manifest };
  const covered = `${JSON.stringify(unsealed, undefined, 2).slice(0, -"\n}".length)},\n`;
  return `${covered}  "sha256": "${sha256Of(covered)}"\n}\n`;
}

/**
 * Throws `invalid-argument` for what is no manifest or one of another version, and `image-conflict`
 * for one that has changed since it was written.
 */
export function parseManifest(text: string, path: string): Manifest {
  const { domsnapBundle: _version, writer: _writer, sha256: _seal, ...rest } = parseAll(text, path);
  return rest;
}

/** Who wrote a manifest that is as it was written; undefined for any other text. */
export function writerOfManifest(text: string): string | undefined {
  try {
    return parseAll(text, MANIFEST).writer;
  } catch {
    return undefined;
  }
}

function parseAll(text: string, path: string): SealedManifest {
  const json = tryParseJson(text);
  if (!isRecord(json)) throw refused(path, "it is not JSON, or no object", DAMAGED);
  const { domsnapBundle: version, writer } = json;
  if (version === undefined) throw refused(path, "it tells no version", DAMAGED);
  if (version !== BUNDLE_VERSION)
    throw refused(path, otherVersion({ version, writer }, BUNDLE_VERSION), OTHER_VERSION);
  const seal = SEAL.exec(text);
  if (sha256Of(text.slice(0, seal?.index)) !== seal?.[1])
    throw new DomsnapError("image-conflict", `'${path}' is not what was exported`, {
      hint: DAMAGED,
    });
  if (is(manifestSchema, json)) return json;
  const by = typeof writer === "string" ? ` (written by ${writer})` : "";
  throw refused(path, `${schemaProblem(manifestSchema, json) ?? ""}${by}`, OTHER_VERSION);
}

const DAMAGED = "Copy the bundle again, or export it again: it was damaged on its way.";
const OTHER_VERSION =
  "Import it with the version of domsnap that wrote it or a newer one, or export it again with " +
  "this one.";

function refused(path: string, reason: string, hint: string): DomsnapError {
  const detail = `'${path}' is no bundle that this domsnap can read: ${reason}`;
  return new DomsnapError("invalid-argument", detail, { hint });
}
