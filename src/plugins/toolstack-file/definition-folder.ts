import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import type { DomainDefinition } from "../../core/model/index.js";
import { parseDomain } from "../../xml/index.js";
import { unlinkDurably } from "../lib/durable-files.js";
import { readStateFile, TEMPORARY_SUFFIX, writeStateFile } from "../lib/state-files.js";
import { systemError } from "../lib/system-error.js";

const SUFFIX = ".xml";

/** NAME_MAX of Linux. */
const FILE_NAME_LIMIT_BYTES = 255;

/** virsh takes no larger document. */
const DEFINITION_LIMIT_BYTES = 10 * 1024 * 1024;

/** Definitions in a folder: one `<domain>` document for each domain, in `NAME.xml`. */
export class DefinitionFolder {
  constructor(private readonly path: string) {}

  /**
   * All definitions that can be read, by name. What cannot is left out here and hides no other:
   * `read` tells why. Throws `system-error` when the folder itself cannot be read.
   */
  list(): DomainDefinition[] {
    return this.#names()
      .map((name) => this.#tryRead(name))
      .filter((definition) => definition !== undefined);
  }

  /** The definition with a uuid (canonical); parses only files that the digits occur in. */
  findByUuid(uuid: string): DomainDefinition | undefined {
    const digits = uuid.replaceAll("-", "");
    const mentions = (text: string) => text.toLowerCase().replaceAll("-", "").includes(digits);
    for (const name of this.#names()) {
      const definition = this.#tryRead(name, mentions);
      if (definition?.uuid === uuid) return definition;
    }
    return undefined;
  }

  /**
   * The definition of a name; `undefined` when there is none or its text is not wanted. Throws what is wrong with the
   * document, and `internal-error` when it is that of another domain.
   */
  read(name: string, isWanted = (_text: string) => true): DomainDefinition | undefined {
    if (nameProblem(name) !== undefined) return undefined;
    const path = this.#pathOf(name);
    const text = readStateFile(path, DEFINITION_LIMIT_BYTES);
    if (text === undefined || !isWanted(text)) return undefined;
    const definition = parseDomain(text);
    if (definition.name === name) return definition;
    throw new DomsnapError("internal-error", `'${path}' defines domain '${definition.name}'`, {
      hint: "Name the file after the domain in it.",
    });
  }

  /** Parses a document for this folder; one without a uuid is given a new one. */
  parse(xml: string): DomainDefinition {
    const definition = parseDomain(xml, { generateUuid: randomUUID });
    const problem = nameProblem(definition.name);
    if (problem !== undefined)
      throw new DomsnapError("xml-error", `name ${definition.name} ${problem}`);
    return definition;
  }

  /** Creates or replaces the file of a definition, durably. */
  async write(definition: DomainDefinition): Promise<void> {
    await writeStateFile(this.#pathOf(definition.name), `${definition.xml}\n`);
  }

  async remove(name: string): Promise<void> {
    await unlinkDurably(this.#pathOf(name));
  }

  #names(): string[] {
    try {
      return readdirSync(this.path)
        .filter((fileName) => fileName.endsWith(SUFFIX))
        .map((fileName) => fileName.slice(0, -SUFFIX.length))
        .sort();
    } catch (thrown) {
      throw systemError(thrown, `cannot open directory '${this.path}'`);
    }
  }

  #tryRead(name: string, isWanted?: (text: string) => boolean): DomainDefinition | undefined {
    try {
      return this.read(name, isWanted);
    } catch {
      return undefined;
    }
  }

  #pathOf(name: string): string {
    return join(this.path, name + SUFFIX);
  }
}

/** Why a domain of this name cannot have a file here; the first text is libvirt's. */
function nameProblem(name: string): string | undefined {
  if (name.includes("/")) return "cannot contain '/'";
  if (name.startsWith(".")) return "cannot start with '.'";
  if (name.includes("\0")) return "cannot contain NUL";
  const longest = name + SUFFIX + TEMPORARY_SUFFIX;
  if (Buffer.byteLength(longest) > FILE_NAME_LIMIT_BYTES) return "is too long for a file name";
  return name === "" ? "cannot be empty" : undefined;
}
