import { parse, type MemberNode, type ValueNode } from "@humanwhocodes/momoa";

/** Where something is in a text; both count from 1. */
export interface TextPlace {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a JSON text, and where. */
export class JsonFault extends Error {
  constructor(
    message: string,
    readonly place: TextPlace,
  ) {
    super(message);
  }
}

/** Keys and indices from the outermost value to an inner one. */
export type JsonPath = readonly (string | number)[];

/** A JSON text that remembers where its parts are. */
export class JsonDocument {
  readonly #root: ValueNode;

  /** Throws `JsonFault`, also for a key that is there twice: one of the two would be ignored. */
  constructor(text: string) {
    this.#root = parseText(text);
    assertKeysOnce(this.#root);
  }

  get isObject(): boolean {
    return this.#root.type === "Object";
  }

  get value(): unknown {
    return evaluate(this.#root);
  }

  /** Of the key if the path ends in one, else of the value; of what holds it if it is not there. */
  placeOf(path: JsonPath): TextPlace {
    let node = this.#root;
    let place = placeOf(node);
    for (const step of path) {
      const next = stepInto(node, step);
      if (!next) break;
      place = placeOf(next);
      node = next.value;
    }
    return place;
  }
}

function parseText(text: string): ValueNode {
  try {
    JSON.parse(text);
  } catch (thrown) {
    throw syntaxFault(text, (thrown as Error).message);
  }
  return parse(text, { mode: "json" }).body;
}

/** V8 knows best what is wrong, but does not always say where. */
function syntaxFault(text: string, message: string): JsonFault {
  const [, what = "", position] = /^(.*?) in JSON at position (\d+)/s.exec(message) ?? [];
  if (position !== undefined) return new JsonFault(what, placeAt(text, Number(position)));
  const offset = offsetOfToken(text);
  if (message.includes("end of JSON input") || offset === undefined)
    return new JsonFault("Unexpected end of the file", placeAt(text, text.trimEnd().length));
  const [found = ""] = text.slice(offset);
  return new JsonFault(`Unexpected ${JSON.stringify(found)}`, placeAt(text, offset));
}

/** Where momoa finds something that cannot be there. */
function offsetOfToken(text: string): number | undefined {
  try {
    parse(text, { mode: "json" });
  } catch (thrown) {
    return (thrown as { readonly offset?: number }).offset;
  }
  return undefined;
}

function placeAt(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) ?? "").length + 1 };
}

/** momoa's own gives objects whose prototype a key can replace. */
function evaluate(node: ValueNode): unknown {
  if (node.type === "Object")
    return Object.assign(
      Object.create(null),
      Object.fromEntries(node.members.map((member) => [keyOf(member), evaluate(member.value)])),
    );
  if (node.type === "Array") return node.elements.map(({ value }) => evaluate(value));
  return "value" in node ? node.value : null;
}

function assertKeysOnce(node: ValueNode): void {
  if (node.type === "Array") for (const { value } of node.elements) assertKeysOnce(value);
  if (node.type !== "Object") return;
  const seen = new Set<string>();
  for (const member of node.members) {
    const key = keyOf(member);
    if (seen.has(key)) throw new JsonFault(`'${key}' is there twice`, placeOf(member));
    seen.add(key);
    assertKeysOnce(member.value);
  }
}

function stepInto(node: ValueNode, step: string | number) {
  if (node.type === "Object") return node.members.find((member) => keyOf(member) === step);
  return node.type === "Array" && typeof step === "number" ? node.elements[step] : undefined;
}

function keyOf({ name }: MemberNode): string {
  return name.type === "String" ? name.value : name.name;
}

function placeOf({ loc }: Pick<ValueNode, "loc">): TextPlace {
  return { line: loc.start.line, column: loc.start.column };
}
