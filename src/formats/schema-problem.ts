import { getDotPath, safeParse, type GenericSchema } from "valibot";

/** Why a value is not what a schema describes, with the place in it; undefined when it is. */
export function schemaProblem(schema: GenericSchema, value: unknown): string | undefined {
  const { issues } = safeParse(schema, value, { abortEarly: true });
  if (!issues) return undefined;
  const [issue] = issues;
  const at = getDotPath(issue) ?? "the whole";
  if (issue.expected === "never") return `${at}: expected no such key`;
  return `${at}: expected ${issue.expected ?? "something else"}, found ${issue.received}`;
}
