import { array, looseObject, object, optional, string, type InferOutput } from "valibot";

import type { QmpClient } from "./qmp-client.js";
import { readReply } from "./read-reply.js";

/** The names of all commands that this QEMU has. Faster than its schema. */
export async function queryCommands(client: QmpClient): Promise<ReadonlySet<string>> {
  const commands = readReply("query-commands", CommandList, await client.execute("query-commands"));
  return new Set(commands.map(({ name }) => name));
}

const CommandList = array(object({ name: string() }));

/** Those of an enumeration have no type, those of an alternate no name. */
const Member = looseObject({ name: optional(string()), type: optional(string()) });

const SchemaEntry = looseObject({
  name: string(),
  "meta-type": string(),
  "arg-type": optional(string()),
  "element-type": optional(string()),
  members: optional(array(Member)),
  variants: optional(array(looseObject({ type: string() }))),
  values: optional(array(string())),
});
type SchemaEntry = InferOutput<typeof SchemaEntry>;

/** What this QEMU can do, to the last argument. */
export class QmpSchema {
  readonly #byName: ReadonlyMap<string, SchemaEntry>;

  /** `entries` is the answer to `query-qmp-schema`; throws `tool-failed` when it is not. */
  constructor(entries: unknown) {
    const parsed = readReply("query-qmp-schema", array(SchemaEntry), entries);
    this.#byName = new Map(parsed.map((entry) => [entry.name, entry]));
  }

  /**
   * Whether there is such a command or event with such an argument, member or word, at any depth:
   * `has("migrate-set-capabilities", "capabilities", "capability", "background-snapshot")`.
   */
  has(command: string, ...path: readonly string[]): boolean {
    const entry = this.#byName.get(command);
    const isTop = entry?.["meta-type"] === "command" || entry?.["meta-type"] === "event";
    if (!isTop) return false;
    const last = path.at(-1);
    if (last === undefined) return true;
    let types = this.#resolve(entry["arg-type"]);
    for (const name of path.slice(0, -1))
      types = types.flatMap((type) =>
        membersNamed(type, name).flatMap((member) => this.#resolve(member.type)),
      );
    return types.some((type) => holds(type, last));
  }

  /** A type with what it stands for: the elements of an array, the variants of a union. */
  #resolve(name: string | undefined): SchemaEntry[] {
    const entry = name === undefined ? undefined : this.#byName.get(name);
    if (!entry) return [];
    if (entry["meta-type"] === "array") return this.#resolve(entry["element-type"]);
    if (entry["meta-type"] === "alternate")
      return (entry.members ?? []).flatMap((member) => this.#resolve(member.type));
    return [entry, ...(entry.variants ?? []).flatMap((variant) => this.#resolve(variant.type))];
  }
}

/** Asks for the whole schema: 0.2 MiB, about 50 ms. */
export async function queryQmpSchema(client: QmpClient): Promise<QmpSchema> {
  return new QmpSchema(await client.execute("query-qmp-schema"));
}

function membersNamed(type: SchemaEntry, name: string) {
  return (type.members ?? []).filter((member) => member.name === name);
}

function holds(type: SchemaEntry, name: string): boolean {
  return membersNamed(type, name).length > 0 || (type.values ?? []).includes(name);
}
