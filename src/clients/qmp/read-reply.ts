import { parse, type BaseIssue, type BaseSchema, type InferOutput } from "valibot";

import { DomsnapError } from "../../core/errors/index.js";

/** A reply in the shape that we rely on. Throws `tool-failed` when QEMU answers something else. */
export function readReply<Schema extends BaseSchema<unknown, unknown, BaseIssue<unknown>>>(
  command: string,
  schema: Schema,
  reply: unknown,
): InferOutput<Schema> {
  try {
    return parse(schema, reply);
  } catch (cause) {
    throw new DomsnapError("tool-failed", `QEMU answered '${command}' in an unknown way`, {
      cause,
    });
  }
}
