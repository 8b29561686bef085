import type { Domain, DomainDefinition } from "../../core/model/index.js";
import type { DomainRegistry, Toolstack } from "../../core/ports/index.js";
import { domsnapRules } from "../../core/rules/driver-rules.js";
import { canonicalUuid } from "../../xml/index.js";
import { assertDefinable, noSuchDomain } from "../lib/domain-list.js";
import type { DefinitionFolder } from "./definition-folder.js";
import { DefinitionHandler } from "./definition-handler.js";

/**
 * Domains that are only definitions in a folder: always persistent, never active. For images that
 * no guest runs from, be it on a storage host or in a test.
 */
export class FileToolstack implements Toolstack {
  readonly rules = domsnapRules;
  readonly touchesImages = true;
  readonly registry: DomainRegistry;
  readonly handler: DefinitionHandler;

  constructor(
    readonly uri: string,
    private readonly definitions: DefinitionFolder,
  ) {
    this.handler = new DefinitionHandler(definitions);
    this.registry = {
      define: (xml) => this.#define(xml),
      undefine: (domainUuid) => this.#undefine(domainUuid),
    };
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- small files, read synchronously
  async listDomains(): Promise<readonly Domain[]> {
    return this.definitions.list().map(toDomain);
  }

  /** By uuid or name: a domain that is never active has no id. */
  // eslint-disable-next-line @typescript-eslint/require-await -- see listDomains
  async findDomain(reference: string): Promise<Domain> {
    const definition = this.#findByUuid(reference) ?? this.definitions.read(reference);
    if (!definition) throw noSuchDomain(reference);
    return toDomain(definition);
  }

  #findByUuid(reference: string): DomainDefinition | undefined {
    const uuid = canonicalUuid(reference);
    if (uuid === undefined) return undefined;
    return this.definitions.findByUuid(uuid);
  }

  async #define(xml: string): Promise<Domain> {
    const parsed = this.definitions.parse(xml);
    const twin = this.definitions.findByUuid(parsed.uuid);
    // Throws if there is a file that cannot be read: nobody knows whose it is, so it stays.
    const namesake = this.definitions.read(parsed.name);
    assertDefinable(
      parsed,
      [twin, namesake].filter((domain) => domain !== undefined),
    );
    await this.definitions.write(parsed);
    return toDomain(parsed);
  }

  async #undefine(domainUuid: string): Promise<void> {
    const definition = this.#findByUuid(domainUuid);
    if (!definition) throw noSuchDomain(domainUuid);
    await this.definitions.remove(definition.name);
  }
}

function toDomain(definition: DomainDefinition): Domain {
  const { name, uuid } = definition;
  return { name, uuid, state: "shutoff", persistent: true, definition };
}
