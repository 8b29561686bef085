import { DomsnapError } from "../../core/errors/index.js";
import type { DomainOperation } from "../../core/model/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import { noSuchDomain } from "../../plugin-kit/domain-list.js";
import type { TestDomain } from "./test-domain.js";

/** Carries out `domain.*` on simulated domains. Throws `no-domain`. */
export class TestDomainHandler implements OperationHandler<DomainOperation> {
  /** Knows transient domains that have stopped as well. */
  constructor(private readonly find: (uuid: string) => TestDomain | undefined) {}

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async run(operation: DomainOperation, context: OperationContext): Promise<void> {
    const domain = this.#domainOf(context);
    switch (operation.kind) {
      case "domain.define":
        domain.define(operation.definition);
        return;
      case "domain.start":
        domain.start(operation.paused ? "paused" : "running");
        return;
      case "domain.stop":
        domain.stop();
        return;
      case "domain.pause":
        domain.pause();
        return;
      case "domain.resume":
        domain.resume();
        return;
      default:
        throw new DomsnapError("operation-unsupported", "a simulated domain has no images");
    }
  }

  async undo(operation: DomainOperation, context: OperationContext): Promise<void> {
    if ((await this.settle(operation, context)) === "not-done") return;
    const domain = this.#domainOf(context);
    switch (operation.kind) {
      case "domain.define":
        domain.define(operation.previous);
        return;
      case "domain.start":
        domain.stop();
        return;
      case "domain.stop":
        domain.undoStop();
        return;
      case "domain.pause":
        domain.resume();
        return;
      case "domain.resume":
        domain.pause();
        return;
      default:
        return;
    }
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
  async settle(
    operation: DomainOperation,
    context: OperationContext,
  ): Promise<"done" | "not-done"> {
    return hasHappened(operation, this.#domainOf(context)) ? "done" : "not-done";
  }

  #domainOf(context: OperationContext): TestDomain {
    const domain = this.find(context.domain.uuid);
    if (!domain) throw noSuchDomain(context.domain.name);
    return domain;
  }
}

function hasHappened(operation: DomainOperation, domain: TestDomain): boolean {
  switch (operation.kind) {
    case "domain.define":
      return domain.nextDefinition.xml === operation.definition.xml;
    case "domain.start":
      return domain.state === (operation.paused ? "paused" : "running");
    case "domain.stop":
      return !domain.active;
    case "domain.pause":
      return domain.state === "paused";
    case "domain.resume":
      return domain.state === "running";
    default:
      return false;
  }
}
