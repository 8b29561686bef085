import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";

import { asDomsnapError, DomsnapError } from "../core/errors/index.js";
import type { DomainDefinition } from "../core/model/index.js";
import type { DefinitionProblem } from "../core/ports/index.js";
import { canonicalUuid, parseDomain } from "../xml/index.js";
import { assertOwnDefinition } from "./definition-owner.js";
import { assertDefinable, noSuchDomain } from "./domain-list.js";
import { assertUsable } from "../host/assert-usable.js";
import { unlinkDurably } from "../host/durable-files.js";
import { readStateFile, TEMPORARY_SUFFIX, writeStateFile } from "../host/state-files.js";
import { systemError } from "../host/system-error.js";

const SUFFIX = ".xml";

/** NAME_MAX of Linux. */
const FILE_NAME_LIMIT_BYTES = 255;

/** virsh takes no larger document. */
const DEFINITION_LIMIT_BYTES = 10 * 1024 * 1024;

/** Definitions in a folder: one `<domain>` document for each domain, in `NAME.xml`. */
export class DefinitionFolder {
  /** By file: one command asks for all definitions more than once, and seldom do they change. */
  readonly #parsed = new Map<
    string,
    { readonly text: string; readonly definition: DomainDefinition }
  >();

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

  /** What `list` has left out. Throws as `list`. */
  problems(): DefinitionProblem[] {
    return this.#names().flatMap((name) => {
      try {
        this.read(name);
        return [];
      } catch (thrown) {
        return [{ definition: this.#pathOf(name), reason: asDomsnapError(thrown).message }];
      }
    });
  }

  /**
   * By uuid or name. Throws `no-domain`, what is wrong with the document, and `operation-failed`
   * when two definitions share the uuid: snapshots are kept by it, and those of one would change
   * the other.
   */
  find(reference: string): DomainDefinition {
    const definition = this.#findByUuid(reference) ?? this.read(reference);
    if (!definition) throw noSuchDomain(reference);
    const [first, second] = this.#listByUuid(definition.uuid);
    if (first && second)
      throw new DomsnapError(
        "operation-failed",
        `domains '${first.name}' and '${second.name}' have the same uuid ${definition.uuid}`,
        { hint: "Take the <uuid> out of the copy and define it anew; it will get one of its own." },
      );
    return definition;
  }

  /**
   * The definition of a name; `undefined` when there is none, or when its text is not wanted.
   * Throws what is wrong with the document, and `internal-error` when it is that of another domain.
   */
  read(name: string, isWanted = (_text: string) => true): DomainDefinition | undefined {
    if (nameProblem(name) !== undefined) return undefined;
    const path = this.#pathOf(name);
    const text = readStateFile(path, DEFINITION_LIMIT_BYTES);
    if (text === undefined || !isWanted(text)) return undefined;
    const definition = this.#parse(name, text);
    if (definition.name === name) return definition;
    throw new DomsnapError("internal-error", `'${path}' defines domain '${definition.name}'`, {
      hint: "Name the file after the domain in it.",
    });
  }

  /** Throws `definition-foreign` when another program owns the definition of this name, there or to come. */
  assertOwn({ name }: Pick<DomainDefinition, "name">): void {
    const path = this.#pathOf(name);
    const text = nameProblem(name) === undefined ? readStateFile(path, DEFINITION_LIMIT_BYTES) : "";
    assertOwnDefinition(this.path, name + SUFFIX, text ?? "");
  }

  /** As `DomainRegistry.define`; a document without a uuid is given a new one. */
  async define(xml: string): Promise<DomainDefinition> {
    const definition = parseDomain(xml, { generateUuid: randomUUID });
    const { name, uuid } = definition;
    const problem = nameProblem(name);
    if (problem !== undefined) throw new DomsnapError("xml-error", `name ${name} ${problem}`);
    this.assertOwn(definition);
    // Throws if there is a file that cannot be read: nobody knows whose it is, so it stays.
    const namesake = this.read(name);
    const twins = this.#listByUuid(uuid);
    assertDefinable(definition, namesake ? [...twins, namesake] : twins);
    await this.write(definition);
    return definition;
  }

  /** As `DomainRegistry.undefine`. Throws `no-domain`. */
  async undefine(domainUuid: string): Promise<void> {
    const definition = this.#findByUuid(domainUuid);
    if (!definition) throw noSuchDomain(domainUuid);
    await unlinkDurably(this.#pathOf(definition.name));
  }

  /** Creates or replaces the file of a definition, durably. */
  async write(definition: DomainDefinition): Promise<void> {
    await writeStateFile(this.#pathOf(definition.name), `${definition.xml}\n`);
  }

  /** Throws `system-error` unless the file of a definition can be replaced. */
  async assertWritable({ name }: Pick<DomainDefinition, "name">): Promise<void> {
    await assertUsable([{ place: this.#pathOf(name), use: "replace" }]);
  }

  /**
   * Puts `previous` back, unless somebody else has replaced the definition since; removes what a
   * writer that died has left of it. Idempotent.
   */
  async takeBack(definition: DomainDefinition, previous: DomainDefinition): Promise<void> {
    if (this.holds(definition)) await this.write(previous);
    else await unlinkDurably(this.#pathOf(definition.name) + TEMPORARY_SUFFIX);
  }

  /** Whether this very definition is the stored one. */
  holds(definition: DomainDefinition): boolean {
    return this.read(definition.name)?.xml === definition.xml;
  }

  #parse(name: string, text: string): DomainDefinition {
    const known = this.#parsed.get(name);
    if (known?.text === text) return known.definition;
    const definition = parseDomain(text);
    this.#parsed.set(name, { text, definition });
    return definition;
  }

  #findByUuid(reference: string): DomainDefinition | undefined {
    const uuid = canonicalUuid(reference);
    return uuid === undefined ? undefined : this.#listByUuid(uuid)[0];
  }

  /**
   * The definitions with a uuid (canonical): one, unless somebody has copied a file. Parses only
   * files that its digits occur in.
   */
  #listByUuid(uuid: string): DomainDefinition[] {
    const digits = uuid.replaceAll("-", "");
    const mentions = (text: string) => text.toLowerCase().replaceAll("-", "").includes(digits);
    return this.#names()
      .map((name) => this.#tryRead(name, mentions))
      .filter((definition) => definition !== undefined)
      .filter((definition) => definition.uuid === uuid);
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
