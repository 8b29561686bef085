import {
  array,
  getDotPath,
  nonEmpty,
  optional,
  pipe,
  record,
  safeParse,
  startsWith,
  strictObject,
  string,
  type BaseIssue,
  type InferOutput,
} from "valibot";

import { DomsnapError } from "../core/errors/index.js";
import { JsonDocument, JsonFault, type JsonPath, type TextPlace } from "./json-document.js";

const Name = pipe(string(), nonEmpty("Expected a name"));
const Folder = pipe(string(), startsWith("/", "Expected an absolute path"));
const Connection = strictObject({ backend: optional(Name) });

/** What a configuration file may say; each key as docs/configuration.md has it. */
const ConfigurationSchema = strictObject({
  plugins: optional(array(Name)),
  backend: optional(Name),
  trustedFolders: optional(array(Folder)),
  connections: optional(record(string(), Connection)),
});

export type ConfigurationValues = InferOutput<typeof ConfigurationSchema>;

/** Reads the text of a configuration file. Throws `config-invalid` with the place and the key. */
export function parseConfiguration(text: string, file: string): ConfigurationValues {
  const document = parseDocument(text, file);
  if (!document.isObject)
    throw invalid(file, document.placeOf([]), "the whole has to be an object", "Begin with {}.");
  const { success, output, issues } = safeParse(ConfigurationSchema, document.value);
  if (success) return output;
  const [issue] = issues;
  const path = pathOf(issue);
  const isUnknown = issue.expected === "never";
  const reason = isUnknown ? `there is no key '${keyOf(issue)}'` : wrongValue(issue);
  throw invalid(
    file,
    document.placeOf(path),
    reason,
    isUnknown ? `Use one of these: ${knownKeys(path).join(", ")}.` : undefined,
  );
}

function parseDocument(text: string, file: string): JsonDocument {
  try {
    return new JsonDocument(text);
  } catch (thrown) {
    if (!(thrown instanceof JsonFault)) throw thrown;
    throw invalid(file, thrown.place, thrown.message, "Write the file in JSON, without comments.");
  }
}

function invalid(
  file: string,
  { line, column }: TextPlace,
  reason: string,
  hint: string | undefined,
): DomsnapError {
  const detail = `${file}:${line}:${column}: ${reason}`;
  return new DomsnapError("config-invalid", detail, hint === undefined ? {} : { hint });
}

function pathOf(issue: BaseIssue<unknown>): JsonPath {
  return (issue.path ?? []).map(({ key }) => key as string | number);
}

function keyOf(issue: BaseIssue<unknown>): string {
  return getDotPath(issue) ?? "";
}

function wrongValue(issue: BaseIssue<unknown>): string {
  return `'${keyOf(issue)}': expected ${KINDS[issue.expected ?? ""] ?? issue.expected ?? "another value"}, not ${issue.received}`;
}

/** valibot's names of what it expects, as JSON calls it. */
const KINDS: Readonly<Record<string, string>> = {
  Array: "a list",
  Object: "an object",
  string: "a string",
  "!0": "a name",
  '"/"': "an absolute path",
};

function knownKeys(path: JsonPath): string[] {
  const entries = path.length > 1 ? Connection.entries : ConfigurationSchema.entries;
  return Object.keys(entries).sort();
}
