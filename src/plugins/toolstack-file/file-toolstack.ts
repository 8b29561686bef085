import type { Domain, DomainDefinition } from "../../core/model/index.js";
import type {
  DefinitionProblem,
  DomainOperations,
  DomainRegistry,
  Toolstack,
} from "../../core/ports/index.js";
import { domsnapRules } from "../../core/model/driver-rules.js";
import type { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { definitionOperations } from "./definition-operations.js";

/**
 * Domains that are only definitions in a folder: always persistent, never active. For images that
 * no guest runs from, be it on a storage host or in a test.
 */
export class FileToolstack implements Toolstack {
  readonly rules = domsnapRules;
  readonly touchesImages = true;
  readonly registry: DomainRegistry;
  readonly operations: DomainOperations;

  constructor(
    readonly uri: string,
    private readonly definitions: DefinitionFolder,
  ) {
    this.operations = definitionOperations(definitions);
    this.registry = {
      define: async (xml) => toDomain(await definitions.define(xml)),
      undefine: (domainUuid) => definitions.undefine(domainUuid),
    };
  }

  assertOwn(domain: Pick<Domain, "name">): void {
    this.definitions.assertOwn(domain);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- small files, read synchronously
  async listDomains(): Promise<readonly Domain[]> {
    return this.definitions.list().map(toDomain);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async listProblems(): Promise<readonly DefinitionProblem[]> {
    return this.definitions.problems();
  }

  /** By uuid or name: a domain that is never active has no id. */
  // eslint-disable-next-line @typescript-eslint/require-await -- see listDomains
  async findDomain(reference: string): Promise<Domain> {
    return toDomain(this.definitions.find(reference));
  }
}

function toDomain(definition: DomainDefinition): Domain {
  const { name, uuid } = definition;
  return { name, uuid, state: "shutoff", persistent: true, definition };
}
