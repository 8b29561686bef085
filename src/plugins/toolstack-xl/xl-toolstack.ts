import { setTimeout as pause } from "node:timers/promises";

import { DomsnapError } from "../../core/errors/index.js";
import type { Domain, DomainDisk } from "../../core/model/index.js";
import type {
  DiskWish,
  DomainOperations,
  DomainPower,
  LiveGuests,
  Toolstack,
} from "../../core/ports/index.js";
import { domsnapXenRules } from "../../core/model/driver-rules.js";
import { Xl } from "../../clients/xl/index.js";
import { readAssessedGuest } from "./assessed-guest.js";
import { ConfigFolder } from "./config-folder.js";
import { assessXenDisk } from "./disk-assessment.js";
import { managedMemoryFile } from "./xen-memory.js";
import { findXlOf, wakeXl } from "./watching-xl.js";
import { XenDomains } from "./xen-domains.js";
import { xlOperations } from "./xl-operations.js";
import { XlPower } from "./xl-power.js";

const SETTLE_TIMEOUT_MS = 30_000;
const SETTLE_POLL_MS = 100;

/** The guests of a Xen host, by xl. A guest is persistent when it has a file in `/etc/xen`. */
export class XlToolstack implements Toolstack {
  readonly rules = domsnapXenRules;
  readonly touchesImages = true;
  readonly live: LiveGuests;
  readonly operations: DomainOperations;
  readonly power: DomainPower;

  constructor(
    readonly uri: string,
    private readonly domains: XenDomains,
    stateFolder: string,
  ) {
    this.power = new XlPower(domains);
    this.operations = xlOperations(domains, stateFolder);
    this.live = {
      savesMemoryLive: false,
      pausesToSave: true,
      memoryFile: ({ uuid }, snapshot) => managedMemoryFile(stateFolder, uuid, snapshot),
      hasGuestAgent: () => false,
    };
  }

  async diskAssessor(domain: Domain) {
    const assessed = await readAssessedGuest(this.domains, domain);
    return (disk: DomainDisk, wish: DiskWish) => assessed && assessXenDisk(assessed, disk, wish);
  }

  /** `xl create` leaves a process that makes a guest anew when it reboots; between, nobody lists it. */
  async awaitSettled(domain: Domain, signal?: AbortSignal): Promise<void> {
    const { uuid, name } = domain;
    const deadlineMs = performance.now() + SETTLE_TIMEOUT_MS;
    for (let now = domain; ; now = await this.domains.find(uuid)) {
      const reason = await this.#unsettledBecause(now);
      if (reason === undefined) return;
      if (signal?.aborted)
        throw new DomsnapError("cancelled", `cancelled while waiting: ${reason}`);
      if (performance.now() > deadlineMs)
        throw new DomsnapError("operation-invalid", reason, {
          hint: `Try again later; /var/log/xen/xl-${name}.log may tell more.`,
        });
      await pause(SETTLE_POLL_MS);
    }
  }

  async #unsettledBecause({ uuid, name, state }: Domain): Promise<string | undefined> {
    if (state !== "shutoff" && state !== "shutdown") return undefined;
    const pid = findXlOf(name);
    if (pid !== undefined) {
      // A domsnap that was killed may have put it to sleep.
      wakeXl(pid);
      return `xl (process ${pid}) is about to make domain '${name}' anew, or to end`;
    }
    if (state === "shutoff" || !(await this.domains.isUnclear(uuid))) return undefined;
    return `xl cannot tell the configuration of domain '${name}': it is being made or taken down, or its device model hangs`;
  }

  async listDomains(): Promise<readonly Domain[]> {
    return this.domains.list();
  }

  async findDomain(reference: string): Promise<Domain> {
    return this.domains.find(reference);
  }
}

/** The toolstack of this host, with guests' files and snapshots in these folders. */
export function openXlToolstack(
  uri: string,
  { configFolder, stateFolder }: { readonly configFolder: string; readonly stateFolder: string },
): XlToolstack {
  return new XlToolstack(
    uri,
    new XenDomains(new Xl(), new ConfigFolder(configFolder)),
    stateFolder,
  );
}
