import { elementsOf, isElement, textOf, type XmlElement } from "./element.js";

/** What an attribute or a text must match, whole. */
export type Pattern = RegExp;

/** What an element may hold. */
export interface Shape {
  readonly attributes?: Readonly<Record<string, Pattern | Optional>>;
  readonly children?: Readonly<Record<string, Child>>;
  /** Missing: only blanks between elements. */
  readonly text?: Pattern;
  /** Whether children must come in the order of `children`. */
  readonly ordered?: boolean;
}

export interface Optional {
  readonly optional: Pattern;
}

/** "anything" is not looked into. */
export type FixedShape = Shape | "anything";

export interface Child {
  /** A function where the element's own attributes decide. */
  readonly shape: FixedShape | ((node: XmlElement) => FixedShape);
  readonly min: number;
  readonly max: number;
}

export const optional = (pattern: Pattern): Optional => ({ optional: pattern });
export const maybe = (shape: Child["shape"]): Child => ({ shape, min: 0, max: 1 });
export const one = (shape: Child["shape"]): Child => ({ shape, min: 1, max: 1 });
export const any = (shape: Child["shape"]): Child => ({ shape, min: 0, max: Infinity });

/** What is wrong with an element, one line each; empty when it fits. Stops at the first wrong child. */
export function findShapeProblems(node: XmlElement, shape: Child["shape"]): string[] {
  const expected = typeof shape === "function" ? shape(node) : shape;
  if (expected === "anything") return [];
  const own = [
    ...attributeProblems(node, expected),
    ...textProblems(node, expected),
    ...childProblems(node, expected),
  ];
  if (own.length > 0) return own;
  for (const child of elementsOf(node)) {
    const allowed = childShape(expected, child.name);
    const problems = allowed ? findShapeProblems(child, allowed.shape) : [];
    if (problems.length > 0)
      return [...problems, `Element ${node.name} failed to validate content`];
  }
  return [];
}

function childShape(shape: Shape, name: string): Child | undefined {
  const children = shape.children ?? {};
  return Object.hasOwn(children, name) ? children[name] : undefined;
}

function attributeProblems(node: XmlElement, shape: Shape): string[] {
  const allowed = new Map(Object.entries(shape.attributes ?? {}));
  const problems: string[] = [];
  for (const [name, value] of node.attributes) {
    const rule = allowed.get(name);
    const isNamespace = name === "xmlns" || name.startsWith("xmlns:");
    if (rule === undefined && isNamespace) continue;
    if (rule === undefined) problems.push(`Invalid attribute ${name} for element ${node.name}`);
    else if (!matches(rule instanceof RegExp ? rule : rule.optional, value))
      problems.push(
        `Element ${node.name} has an invalid value for attribute ${name}: '${value.slice(0, 80)}'`,
      );
  }
  for (const [name, rule] of allowed)
    if (rule instanceof RegExp && !node.attributes.has(name))
      problems.push(`Element ${node.name} misses attribute ${name}`);
  return problems;
}

function matches(pattern: Pattern, value: string): boolean {
  return new RegExp(`^(?:${pattern.source})$`, pattern.flags).test(value);
}

function textProblems(node: XmlElement, shape: Shape): string[] {
  const text = node.children.map((child) => (isElement(child) ? "" : child)).join("");
  if (matches(shape.text ?? /[\t\n\r ]*/, text)) return [];
  return [
    shape.text === undefined
      ? `Did not expect text in element ${node.name} content`
      : `Element ${node.name} has an invalid text: '${textOf(node).slice(0, 80)}'`,
  ];
}

function childProblems(node: XmlElement, shape: Shape): string[] {
  const order = Object.keys(shape.children ?? {});
  const counts = new Map<string, number>();
  let last = 0;
  for (const child of elementsOf(node)) {
    const allowed = childShape(shape, child.name);
    const count = (counts.get(child.name) ?? 0) + 1;
    counts.set(child.name, count);
    const place = order.indexOf(child.name);
    if (!allowed) return [`Did not expect element ${child.name} there`];
    if (count > allowed.max) return [`Extra element ${child.name} in ${node.name}`];
    if (shape.ordered && place < last) return [`Did not expect element ${child.name} there`];
    last = place;
  }
  const missing = order.find(
    (name) => (counts.get(name) ?? 0) < (shape.children?.[name]?.min ?? 0),
  );
  return missing === undefined ? [] : [`Expecting an element ${missing} in ${node.name}`];
}
