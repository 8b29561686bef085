import { DomsnapError } from "../../core/errors/index.js";
import type { DomainPower } from "../../core/ports/index.js";
import type { TestDomain } from "./test-domain.js";

/** Answers with the texts of libvirt's test driver; `find` throws `no-domain`. */
export class TestPower implements DomainPower {
  constructor(private readonly find: (uuid: string) => TestDomain) {}

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async start(domainUuid: string, { paused }: { readonly paused: boolean }): Promise<void> {
    const domain = this.find(domainUuid);
    if (domain.active) throw internal(`Domain '${domain.name}' is already running`);
    domain.start(paused ? "paused" : "running");
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async destroy(domainUuid: string): Promise<void> {
    const domain = this.find(domainUuid);
    if (!domain.active) throw new DomsnapError("operation-invalid", "domain is not running");
    domain.stop();
  }

  /** A simulated guest does at once what it is asked for. */
  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async shutdown(domainUuid: string): Promise<void> {
    const domain = this.find(domainUuid);
    if (!domain.active) throw internal(`domain '${domain.name}' not running`);
    domain.stop();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async suspend(domainUuid: string): Promise<void> {
    const domain = this.find(domainUuid);
    if (domain.state !== "running") throw internal(`domain '${domain.name}' not running`);
    domain.pause();
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async resume(domainUuid: string): Promise<void> {
    const domain = this.find(domainUuid);
    if (domain.state !== "paused") throw internal(`domain '${domain.name}' not paused`);
    domain.resume();
  }
}

function internal(detail: string): DomsnapError {
  return new DomsnapError("internal-error", detail);
}
