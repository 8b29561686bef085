import { DomsnapError } from "../../core/errors/index.js";
import type { Domain, DomainName, DomainDefinition } from "../../core/model/index.js";
import type {
  DefinitionProblem,
  DomainOperations,
  DomainPower,
  DomainRegistry,
  LiveGuests,
  Toolstack,
} from "../../core/ports/index.js";
import { domsnapRules } from "../../core/model/driver-rules.js";
import { GuestWatches } from "../../clients/guardian/index.js";
import { readXml } from "../../xml/index.js";
import type { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { hasAgentChannel } from "./command-line.js";
import { guestOperations } from "./guest-operations.js";
import { GuestPower } from "./guest-power.js";
import { Guest } from "./guest.js";

const GLANCE_MS = 500;

/**
 * Guests that plain QEMU runs, from definitions in a folder. They are always persistent, and go on
 * when domsnap ends. The id of a running one is the process number of its QEMU.
 */
export class QemuToolstack implements Toolstack {
  readonly rules = domsnapRules;
  readonly touchesImages = true;
  readonly live: LiveGuests = {
    savesMemoryLive: true,
    pausesToSave: false,
    restores: ["qemu"],
    hasGuestAgent: ({ definition }) => hasAgentChannel(readXml(definition.xml)),
  };
  readonly registry: DomainRegistry;
  readonly operations: DomainOperations;
  readonly power: DomainPower;
  readonly #watches = new GuestWatches();

  constructor(
    readonly uri: string,
    private readonly folder: string,
    private readonly definitions: DefinitionFolder,
  ) {
    const find = (reference: string) => this.findGuest(reference);
    this.operations = guestOperations(definitions, find);
    this.power = new GuestPower(find);
    this.registry = {
      define: async (xml) => this.findDomain((await definitions.define(xml)).uuid),
      undefine: (domainUuid) => this.#undefine(domainUuid),
    };
  }

  /** A guest whose QEMU lives, but cannot be asked, is listed as `blocked`. */
  async listDomains(): Promise<readonly Domain[]> {
    return Promise.all(this.#guests().map((guest) => guest.describeForList()));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async listProblems(): Promise<readonly DefinitionProblem[]> {
    const running = this.#guests().flatMap((guest) => guest.problem() ?? []);
    return [...this.definitions.problems(), ...running];
  }

  assertOwn(domain: Pick<Domain, "name">): void {
    this.definitions.assertOwn(domain);
  }

  /** Throws `operation-failed` when the guest's monitor is busy. */
  async findDomain(reference: string): Promise<Domain> {
    return this.findGuest(reference).describe();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async identify(reference: string): Promise<DomainName> {
    const { name, uuid } = this.findGuest(reference).stored;
    return { name, uuid };
  }

  async glance(reference: string): Promise<Domain> {
    return this.findGuest(reference).describeForList(GLANCE_MS);
  }

  /** As `findDomain`, for those who work at QEMU itself. Throws `no-domain`. */
  findGuest(reference: string): Guest {
    const byId = /^[1-9]\d*$/.test(reference)
      ? this.#guests().find(({ pid }) => pid === Number(reference))
      : undefined;
    return byId ?? this.#guest(this.definitions.find(reference));
  }

  #guests(): Guest[] {
    return this.definitions.list().map((definition) => this.#guest(definition));
  }

  #guest(definition: DomainDefinition): Guest {
    return new Guest(this.folder, definition, this.#watches);
  }

  async #undefine(domainUuid: string): Promise<void> {
    if (this.findGuest(domainUuid).pid !== undefined)
      throw new DomsnapError("operation-invalid", "cannot undefine a domain while it is active", {
        hint: "Stop the domain first.",
      });
    await this.definitions.undefine(domainUuid);
  }
}
