import { DomsnapError } from "../../core/errors/index.js";
import { isActive, type DomainState } from "../../core/model/index.js";
import type { DomainOperation, LiveOperation } from "../../core/plan/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import { domainStateOf, type XenDomains } from "./xen-domains.js";

/** Carries out `domain.*` on guests of Xen. Snapshots of running ones are refused. */
export class XlHandler implements OperationHandler<DomainOperation> {
  constructor(
    private readonly domains: XenDomains,
    readonly stateFolder: string,
  ) {}

  /** `domain.define` changes the file for the next start only. */
  async run(operation: DomainOperation, context: OperationContext): Promise<void> {
    switch (operation.kind) {
      case "domain.define":
        return this.domains.files.write(operation.definition);
      case "domain.start":
        if (operation.memory) throw liveRefused(operation.kind);
        return this.#start(operation.paused, context);
      case "domain.stop":
        return this.#stop(context);
      case "domain.pause":
        return this.#withActive(context, (id) => this.domains.xl.pause(id));
      case "domain.resume":
        return this.#resume(context);
      default:
        throw liveRefused(operation.kind);
    }
  }

  async undo(operation: DomainOperation, context: OperationContext): Promise<void> {
    if (operation.kind === "domain.define") {
      if (this.domains.files.holds(operation.definition))
        await this.domains.files.write(operation.previous);
      return;
    }
    if ((await this.settle(operation, context)) === "not-done") return;
    switch (operation.kind) {
      case "domain.start":
        return this.#stop(context);
      case "domain.stop":
        return this.#start(false, context);
      case "domain.pause":
        return this.#resume(context);
      case "domain.resume":
        return this.#withActive(context, (id) => this.domains.xl.pause(id));
    }
  }

  async settle(
    operation: DomainOperation,
    { domain }: OperationContext,
  ): Promise<"done" | "not-done"> {
    if (operation.kind === "domain.define")
      return this.domains.files.holds(operation.definition) ? "done" : "not-done";
    const row = await this.domains.findRow(domain.uuid);
    const state = row ? domainStateOf(row.state) : "shutoff";
    return hasHappened(operation, state) ? "done" : "not-done";
  }

  async #start(paused: boolean, { domain }: OperationContext): Promise<void> {
    const { xl, files } = this.domains;
    const row = await this.domains.findRow(domain.uuid);
    if (!row) await xl.create(files.require(domain).path, domain.name, paused);
    else if (paused) await xl.pause(row.id);
    else await xl.unpause(row.id);
  }

  async #stop({ domain }: OperationContext): Promise<void> {
    const row = await this.domains.findRow(domain.uuid);
    if (row) await this.domains.xl.destroy(row.id);
  }

  /** A guest that died meanwhile cannot go on, and must not keep the rest from being done. */
  async #resume({ domain, warn }: OperationContext): Promise<void> {
    const row = await this.domains.findRow(domain.uuid);
    if (row) await this.domains.xl.unpause(row.id);
    else warn(`domain '${domain.name}' is off: it ended while it was paused`);
  }

  async #withActive(
    { domain }: OperationContext,
    work: (id: number) => Promise<void>,
  ): Promise<void> {
    const row = await this.domains.findRow(domain.uuid);
    if (!row) throw new DomsnapError("operation-invalid", "domain is not running");
    await work(row.id);
  }
}

function hasHappened(
  operation: Exclude<DomainOperation, { kind: "domain.define" }>,
  state: DomainState,
): boolean {
  switch (operation.kind) {
    case "domain.start":
      return state === (operation.paused ? "paused" : "running");
    case "domain.stop":
      return !isActive({ state });
    case "domain.pause":
      return state === "paused";
    case "domain.resume":
      return state === "running";
    default:
      return false;
  }
}

function liveRefused(kind: LiveOperation["kind"] | "domain.start"): DomsnapError {
  return new DomsnapError(
    "operation-unsupported",
    `'${kind}' is not supported for running guests of Xen`,
    { hint: "Shut the domain down first." },
  );
}
