/** xl's one type of value: a text (numbers are texts, too), or a list of values. */
export type XlValue = string | readonly XlValue[];

/** A value with its place in the text. */
export type XlNode =
  | { readonly value: string; readonly start: number; readonly end: number }
  | { readonly items: readonly XlNode[]; readonly start: number; readonly end: number };

export function valueOfNode(node: XlNode): XlValue {
  return "items" in node ? node.items.map(valueOfNode) : node.value;
}

/** One `NAME = VALUE` or `NAME += VALUE` with its place in the text. */
export interface XlAssignment {
  readonly name: string;
  readonly operator: "=" | "+=";
  readonly node: XlNode;
  readonly start: number;
  readonly end: number;
  readonly line: number;
}
