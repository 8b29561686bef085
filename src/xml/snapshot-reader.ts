import { DomsnapError } from "../core/errors/index.js";
import type { DomainDefinition, DomainSnapshot } from "../core/model/index.js";
import { parseDomain, parseLaidOutDomain } from "./domain.js";
import { childrenNamed, textOf } from "./element.js";
import { readXml } from "./reader.js";
import { parseSnapshotHead, type KeepUnknown } from "./snapshot-head.js";
import { parseSnapshot } from "./snapshot.js";
import { parseDecimal } from "./values.js";
import { COMPLETE_SNAPSHOT_LIMITS } from "./xml-limits.js";

/** An existing snapshot, and whether its document calls it the current one. */
export interface MetadataDocument {
  readonly snapshot: DomainSnapshot;
  /** `<active>` of libvirt's metadata files; missing when the document does not say. */
  readonly active?: boolean;
}

/** Held by a reader; each may be as large as a document. */
const MAX_DEFINITIONS = 256;

const FIRST_DEFINITION = /\n {2}<(?:domain|inactiveDomain) type=/;
/** What may follow the definitions, in the layout of libvirt's metadata files and of our records. */
const END = /^(?: {2}<active>(\d+)<\/active>\n)?<\/domainsnapshot>\s*$/;

/**
 * Reads many documents of existing snapshots as `parseSnapshot` does with `redefine`. In the
 * snapshots of one domain the definition is mostly the same text, which is parsed once: then the
 * definitions of such snapshots are one object.
 */
export class SnapshotReader {
  readonly #definitions = new Map<string, DomainDefinition>();

  constructor(private readonly options: KeepUnknown = {}) {}

  /** Throws as `parseSnapshot`. */
  read(text: string): MetadataDocument {
    return this.#readPieces(text) ?? readWhole(text, this.options);
  }

  /** Undefined when the text is not laid out as libvirt and we write it. */
  #readPieces(text: string): MetadataDocument | undefined {
    const at = text.search(FIRST_DEFINITION) + 1;
    if (at === 0) return undefined;
    const domain = takeElement(text, at, "domain");
    const inactive = takeElement(text, domain.end, "inactiveDomain");
    const end = END.exec(text.slice(inactive.end));
    if (!end) return undefined;
    try {
      const head = parseSnapshotHead(`${text.slice(0, at)}</domainsnapshot>\n`, this.options);
      return {
        snapshot: {
          ...head,
          ...(domain.content && { domain: this.#definition(domain.content) }),
          ...(inactive.content && { inactiveDomain: this.#definition(inactive.content) }),
        },
        ...(end[1] !== undefined && { active: Number(end[1]) !== 0 }),
      };
    } catch {
      // The whole document tells what is wrong, if anything is.
      return undefined;
    }
  }

  /** Of what stands between the tags of a definition. */
  #definition(content: string): DomainDefinition {
    let definition = this.#definitions.get(content);
    if (!definition) {
      if (this.#definitions.size === MAX_DEFINITIONS) this.#definitions.clear();
      definition = parseLaidOutDomain(content) ?? parseDomain(`<domain${content}</domain>`);
      this.#definitions.set(content, definition);
    }
    return definition;
  }
}

/** An element below the root that begins at `start`, if one of this name does; else nothing. */
function takeElement(
  text: string,
  start: number,
  name: string,
): { readonly content?: string; readonly end: number } {
  const opening = `  <${name}`;
  const closing = `\n  </${name}>\n`;
  if (!text.startsWith(`${opening} type=`, start)) return { end: start };
  const close = text.indexOf(closing, start);
  if (close < 0) return { end: start };
  return { content: text.slice(start + opening.length, close + 1), end: close + closing.length };
}

function readWhole(text: string, options: KeepUnknown): MetadataDocument {
  const parsed = parseSnapshot(text, { redefine: true, ...options });
  if (parsed.name === undefined)
    throw new DomsnapError("xml-error", "a redefined snapshot must have a name");
  const snapshot = { ...parsed, name: parsed.name };
  if (!text.includes("<active")) return { snapshot };
  const root = readXml(text, { limits: COMPLETE_SNAPSHOT_LIMITS });
  const [active] = childrenNamed(root, "active");
  const number = active && parseDecimal(textOf(active));
  return number === undefined ? { snapshot } : { snapshot, active: number !== 0n };
}

/**
 * The documents in a text that holds several, as concatenated output of `snapshot-dumpxml` does:
 * each `<domainsnapshot>` with what it contains. Anything between them but blanks, comments and
 * instructions makes a part of its own, which no parser accepts, so that it is not lost in silence.
 */
export function splitDocuments(text: string): string[] {
  const documents: string[] = [];
  let start = 0;
  let depth = 0;
  for (const found of text.matchAll(MARKUP)) {
    const markup = found[0];
    if (markup.startsWith("<!") || markup.startsWith("<?") || markup.endsWith("/>")) continue;
    depth += markup.startsWith("</") ? -1 : 1;
    if (depth > 0) continue;
    depth = 0;
    const end = found.index + markup.length;
    documents.push(text.slice(start, end));
    start = end;
  }
  const rest = text.slice(start);
  if (!/^(?:\s|<!--[^]*?-->)*$/.test(rest)) documents.push(rest);
  return documents.map((document) => document.replace(/^\s+/, ""));
}

/** The tags of the root element, and whatever could hide one. */
const MARKUP = /<!--[^]*?-->|<!\[CDATA\[[^]*?\]\]>|<\?[^]*?\?>|<\/?domainsnapshot(?:\s[^>]*)?\/?>/g;

/** Whether a text is a snapshot document, or several: its first element tells. */
export function isSnapshotText(text: string): boolean {
  return /^\uFEFF?(?:\s|<!--[^]*?-->|<\?[^]*?\?>)*<domainsnapshot[\s/>]/.test(text);
}
