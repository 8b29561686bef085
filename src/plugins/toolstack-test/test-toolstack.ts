import { randomUUID } from "node:crypto";

import type { Domain } from "../../core/model/index.js";
import type {
  DomainOperations,
  DomainPower,
  DomainRegistry,
  Toolstack,
} from "../../core/ports/index.js";
import { testRules } from "../../core/model/driver-rules.js";
import { canonicalUuid, parseDomain } from "../../xml/index.js";
import { assertDefinable, noSuchDomain } from "../../plugin-kit/domain-list.js";
import type { NodeDomain } from "./parse-node.js";
import { TestDomain } from "./test-domain.js";
import { testDomainOperations } from "./test-domain-operations.js";
import { TestPower } from "./test-power.js";

/** libvirt's test driver: domains that exist in this process only, and no image at all. */
export class TestToolstack implements Toolstack {
  readonly rules = testRules;
  readonly touchesImages = false;
  readonly registry: DomainRegistry;
  readonly operations: DomainOperations;
  readonly power: DomainPower;
  readonly #domains = new Map<string, TestDomain>();
  #lastId = 0;

  constructor(
    readonly uri: string,
    domains: readonly NodeDomain[],
  ) {
    for (const domain of domains) {
      assertDefinable(domain.definition, [...this.#domains.values()]);
      this.#add(domain);
    }
    this.operations = testDomainOperations((uuid) => this.#domains.get(uuid));
    this.power = new TestPower((uuid) => this.#require(uuid));
    this.registry = {
      define: (xml) => this.#define(xml),
      undefine: (domainUuid) => this.#undefine(domainUuid),
    };
  }

  listDomains(): Promise<readonly Domain[]> {
    return Promise.resolve(this.#existing().map((domain) => domain.view()));
  }

  async findDomain(reference: string): Promise<Domain> {
    const domain = matchDomain(await this.listDomains(), reference);
    if (!domain) throw noSuchDomain(reference);
    return domain;
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async #define(xml: string): Promise<Domain> {
    const definition = parseDomain(xml, { generateUuid: randomUUID });
    assertDefinable(definition, this.#existing());
    const known = this.#domains.get(definition.uuid);
    if (!known?.exists) return this.#add({ definition, state: "shutoff", persistent: true }).view();
    known.persistent = true;
    known.define(definition);
    return known.view();
  }

  /** An active domain lives on without its definition, until it stops. */
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async #undefine(domainUuid: string): Promise<void> {
    this.#require(domainUuid).persistent = false;
  }

  #require(uuid: string): TestDomain {
    const domain = this.#domains.get(uuid);
    if (!domain?.exists) throw noSuchDomain(uuid);
    return domain;
  }

  #add(domain: Omit<NodeDomain, "snapshots">): TestDomain {
    const added = new TestDomain(domain, () => ++this.#lastId);
    this.#domains.set(added.uuid, added);
    return added;
  }

  #existing(): TestDomain[] {
    return [...this.#domains.values()].filter((domain) => domain.exists);
  }
}

/** By id, uuid or name, tried in this order as virsh does. */
function matchDomain(domains: readonly Domain[], reference: string): Domain | undefined {
  const id = /^\d+$/.test(reference) ? Number(reference) : undefined;
  const uuid = canonicalUuid(reference);
  return (
    domains.find((domain) => domain.id !== undefined && domain.id === id) ??
    domains.find((domain) => domain.uuid === uuid) ??
    domains.find((domain) => domain.name === reference)
  );
}
