import { DomsnapError } from "../../core/errors/index.js";
import type { DomainPower } from "../../core/ports/index.js";
import type { Guest } from "./guest.js";

/** Answers as libvirt's drivers do, with their texts. */
export class GuestPower implements DomainPower {
  constructor(private readonly find: (reference: string) => Guest) {}

  async start(domainUuid: string, options: { readonly paused: boolean }): Promise<void> {
    const guest = this.find(domainUuid);
    if (guest.pid !== undefined)
      throw new DomsnapError("operation-invalid", "domain is already running");
    await guest.start(options);
  }

  async destroy(domainUuid: string, options: { readonly graceful: boolean }): Promise<void> {
    const guest = this.find(domainUuid);
    if (guest.pid === undefined)
      throw new DomsnapError("operation-invalid", "domain is not running");
    await guest.stop(options);
  }

  async shutdown(domainUuid: string): Promise<void> {
    await this.find(domainUuid).pressPowerButton();
  }

  async suspend(domainUuid: string): Promise<void> {
    await this.find(domainUuid).pause();
  }

  async resume(domainUuid: string): Promise<void> {
    const guest = this.find(domainUuid);
    const { state } = await guest.describe();
    if (state === "running")
      throw new DomsnapError("operation-invalid", "domain is already running");
    await guest.resume();
  }
}
