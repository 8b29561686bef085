/** An element of a read document: entities decoded, comments and instructions gone. */
export interface XmlElement {
  /** As written, with its prefix. */
  readonly name: string;
  /** In document order. */
  readonly attributes: ReadonlyMap<string, string>;
  /** Elements and texts, in document order. */
  readonly children: readonly XmlNode[];
}
export type XmlNode = XmlElement | string;

/** Builds an element; attributes that are undefined are left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | undefined>> = {},
  children: readonly XmlNode[] = [],
): XmlElement {
  const defined = new Map<string, string>();
  for (const [key, value] of Object.entries(attributes))
    if (value !== undefined) defined.set(key, value);
  return { name, attributes: defined, children };
}

export function isElement(node: XmlNode): node is XmlElement {
  return typeof node !== "string";
}

export function elementsOf(parent: XmlElement): XmlElement[] {
  return parent.children.filter(isElement);
}

/** All child elements of a name. */
export function childrenNamed(parent: XmlElement, name: string): XmlElement[] {
  return elementsOf(parent).filter((child) => child.name === name);
}

/** The first child element of a name. */
export function childNamed(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  if (parent === undefined) return undefined;
  for (const child of parent.children) if (isElement(child) && child.name === name) return child;
  return undefined;
}

/** All elements at a path of names below `parent`, in document order. */
export function elementsAt(parent: XmlElement, ...path: readonly string[]): XmlElement[] {
  return path.reduce((found, name) => found.flatMap((one) => childrenNamed(one, name)), [parent]);
}

/** The text of an element with that of the elements in it, never trimmed. */
export function textOf(node: XmlNode): string {
  return isElement(node) ? node.children.map(textOf).join("") : node;
}

/**
 * The text of the first element at a path, as libvirt asks for strings: empty counts as absent.
 */
export function stringAt(parent: XmlElement, ...path: readonly string[]): string | undefined {
  const first = elementsAt(parent, ...path)[0];
  return first && emptyAsAbsent(textOf(first));
}

/** libvirt takes an empty string for none. */
export function emptyAsAbsent(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}

/** The value of an attribute of the first element at a path that has it; empty counts as absent. */
export function attributeAt(
  parent: XmlElement,
  path: readonly string[],
  name: string,
): string | undefined {
  for (const found of elementsAt(parent, ...path)) {
    const value = found.attributes.get(name);
    if (value !== undefined) return emptyAsAbsent(value);
  }
  return undefined;
}
