import { DomsnapError } from "../../core/errors/index.js";
import type { DomainPower } from "../../core/ports/index.js";
import type { XlListRow } from "../../clients/xl/index.js";
import { awaitQemuEnd } from "./xen-guest-monitor.js";
import type { XenDomains } from "./xen-domains.js";

/** Answers as libvirt's drivers do, with their texts. */
export class XlPower implements DomainPower {
  constructor(private readonly domains: XenDomains) {}

  /** From the domain's file, as `xl create`. */
  async start(domainUuid: string, { paused }: { readonly paused: boolean }): Promise<void> {
    if (await this.domains.findRow(domainUuid))
      throw new DomsnapError("operation-invalid", "domain is already running");
    const { name } = await this.domains.find(domainUuid);
    const { path } = this.domains.files.require({ name, uuid: domainUuid });
    await this.domains.xl.create(path, name, paused);
  }

  /** As libvirt's driver for Xen, which knows no other way. */
  async destroy(domainUuid: string, options: { readonly graceful: boolean }): Promise<void> {
    if (options.graceful)
      throw new DomsnapError(
        "invalid-flags",
        "unsupported flags (0x1) in function libxlDomainDestroyFlags",
        { hint: "Leave --graceful out, or shut the domain down." },
      );
    const { id } = await this.#active(domainUuid);
    await this.domains.xl.destroy(id);
    // Until then its images are open, and no lock tells that.
    await awaitQemuEnd(id);
  }

  async shutdown(domainUuid: string): Promise<void> {
    await this.domains.xl.shutdown((await this.#active(domainUuid)).id);
  }

  async suspend(domainUuid: string): Promise<void> {
    await this.domains.xl.pause((await this.#active(domainUuid)).id);
  }

  async resume(domainUuid: string): Promise<void> {
    const { id, state } = await this.#active(domainUuid);
    if (!state.paused) throw new DomsnapError("operation-invalid", "domain is already running");
    await this.domains.xl.unpause(id);
  }

  async #active(domainUuid: string): Promise<XlListRow> {
    const row = await this.domains.findRow(domainUuid);
    if (row) return row;
    throw new DomsnapError("operation-invalid", "domain is not running");
  }
}
