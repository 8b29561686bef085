import { DomsnapError } from "../../core/errors/index.js";
import type { Domain, DomainState } from "../../core/model/index.js";
import { canonicalUuid } from "../../xml/index.js";
import { noSuchDomain } from "../../plugin-kit/domain-list.js";
import type { LibxlDomain, Xl, XlListRow, XlState } from "../../clients/xl/index.js";
import { definitionOfFile, type ConfigFolder } from "./config-folder.js";
import { domainDisksOf } from "./disk-servers.js";
import { defineGuest } from "./domain-xml.js";
import { guestOfLibxl } from "./xen-guest.js";

/** The guests of this host: those that Xen runs, and those that only have a file. */
export class XenDomains {
  constructor(
    readonly xl: Xl,
    readonly files: ConfigFolder,
  ) {}

  /**
   * By name. A file without a uuid is left out, as xl would make up another one at every start; so
   * is a guest without a file whose configuration xl cannot tell. `find` says why.
   */
  async list(): Promise<Domain[]> {
    const { known, unclear, stopped } = await this.#listAll();
    return [...known, ...unclear, ...stopped].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /**
   * Whether a guest is there of which xl cannot tell more: it is being made or taken down at this
   * moment, or its device model hangs. Its images are in use.
   */
  async isUnclear(domainUuid: string): Promise<boolean> {
    return (await this.#listAll()).unclear.some(({ uuid }) => uuid === domainUuid);
  }

  async #listAll() {
    const active = await this.#listActive();
    const known = active.flatMap(({ domain }) => domain ?? []);
    const mute = active.flatMap(({ row, domain }) => (domain ? [] : [row.id]));
    const vms = mute.length === 0 ? [] : await this.xl.listUuids();
    const unclear: Domain[] = [];
    const stopped: Domain[] = [];
    for (const domain of this.#listFiles()) {
      if (known.some(({ uuid }) => uuid === domain.uuid)) continue;
      const vm = vms.find(({ uuid, id }) => uuid === domain.uuid && mute.includes(id));
      // Nothing can be done with it, as with one that is shutting down.
      if (vm) unclear.push({ ...domain, id: vm.id, state: "shutdown" });
      else stopped.push(domain);
    }
    return { known, unclear, stopped };
  }

  #listFiles(): Domain[] {
    return this.files.list().flatMap((file) => {
      const uuid = canonicalUuid(file.guest.uuid ?? "");
      return uuid === undefined ? [] : attempt(() => stoppedDomain(definitionOfFile(file, uuid)));
    });
  }

  /** By id, uuid or name. Throws `no-domain`, and `operation-failed` with what is wrong. */
  async find(reference: string): Promise<Domain> {
    const domains = await this.list();
    const uuid = canonicalUuid(reference);
    const found =
      domains.find(({ id }) => id !== undefined && String(id) === reference) ??
      domains.find((domain) => domain.uuid === uuid) ??
      domains.find(({ name }) => name === reference);
    if (!found) return this.#explainMissing(reference);
    this.files.find(found);
    return found;
  }

  /** What Xen says of a domain now; undefined when it is not active. */
  async findRow(domainUuid: string): Promise<XlListRow | undefined> {
    const known = (await this.xl.listUuids()).find(({ uuid }) => uuid === domainUuid);
    return known && this.xl.find(known.id);
  }

  async #listActive(): Promise<{ readonly row: XlListRow; readonly domain?: Domain }[]> {
    // In this order: what has ended meanwhile is in the first answer only, and left out.
    const configurations = await this.xl.listConfigurations();
    const rows = (await this.xl.list()).filter(({ id }) => id !== 0);
    return Promise.all(
      rows.map(async (row) => {
        const found = configurations.find(({ id }) => id === row.id);
        const domain = found && (await this.#activeDomain(row, found).catch(() => undefined));
        return domain ? { row, domain } : { row };
      }),
    );
  }

  async #activeDomain(row: XlListRow, { id, config }: LibxlDomain): Promise<Domain> {
    const guest = guestOfLibxl(config);
    const uuid = canonicalUuid(guest.uuid ?? "");
    if (uuid === undefined) throw noSuchDomain(guest.name);
    const needsServers = guest.disks.some(({ backendType }) => backendType === undefined);
    const served = needsServers ? await this.xl.listBlockDevices(id) : [];
    const [file] = attempt(() => this.files.find({ name: guest.name, uuid }));
    const [inactive] = file ? attempt(() => definitionOfFile(file, uuid)) : [];
    return {
      ...{ name: guest.name, uuid, id, state: domainStateOf(row.state) },
      persistent: inactive !== undefined,
      definition: defineGuest({ ...guest, uuid }, domainDisksOf(guest.disks, served)),
      ...(inactive && { inactiveDefinition: inactive }),
    };
  }

  async #explainMissing(reference: string): Promise<never> {
    const mute = (await this.#listActive()).find(
      ({ row, domain }) => !domain && (row.name === reference || String(row.id) === reference),
    );
    if (mute)
      throw new DomsnapError(
        "operation-failed",
        `xl cannot tell the configuration of domain '${mute.row.name}'`,
        { hint: "Look whether its device model hangs: 'xl list -l' leaves the domain out." },
      );
    const file = this.files.find({ name: reference });
    if (file?.guest.name === reference && file.guest.uuid === undefined)
      throw new DomsnapError("operation-failed", `'${file.path}' has no uuid`, {
        hint: 'Add uuid = "..." (uuidgen): xl makes one at every start, and snapshots are kept by it.',
      });
    throw noSuchDomain(reference);
  }
}

/**
 * libvirt's state of what Xen says. A guest that waits is running; one that has shut down or is
 * just going away is still there, and nothing can be done with it.
 */
export function domainStateOf(state: XlState): DomainState {
  if (state.shutdown && state.shutdownReason === "crash") return "crashed";
  if (state.shutdown && state.shutdownReason === "suspend") return "pmsuspended";
  if (state.shutdown || state.dying) return "shutdown";
  return state.paused ? "paused" : "running";
}

function stoppedDomain(definition: Domain["definition"]): Domain {
  const { name, uuid } = definition;
  return { name, uuid, state: "shutoff", persistent: true, definition };
}

/** A list of one, or of none when it cannot be done or is not there. */
function attempt<Result>(make: () => Result | undefined): Result[] {
  try {
    const made = make();
    return made === undefined ? [] : [made];
  } catch {
    return [];
  }
}
