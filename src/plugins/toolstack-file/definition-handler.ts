import { DomsnapError } from "../../core/errors/index.js";
import type { DomainOperation } from "../../core/model/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import type { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { unlinkDurably } from "../../host/durable-files.js";
import { isGone } from "../../qemu-images/unlink-unneeded.js";

/**
 * Replaces definitions, and discards memory that another connection or libvirt has saved; refuses
 * everything that needs a running domain.
 */
export class DefinitionHandler implements OperationHandler<DomainOperation> {
  constructor(private readonly definitions: DefinitionFolder) {}

  /** Throws `operation-unsupported` for what needs a domain that runs. */
  async run(operation: DomainOperation, { domain }: OperationContext): Promise<void> {
    if (operation.kind === "domain.discard-memory") {
      await unlinkDurably(operation.file);
      return;
    }
    if (operation.kind !== "domain.define")
      throw new DomsnapError(
        "operation-unsupported",
        `domain '${domain.name}' is only a definition in a folder, which never runs`,
        { hint: "Use the connection of a hypervisor to start and stop domains." },
      );
    await this.definitions.write(operation.definition);
  }

  async undo(operation: DomainOperation): Promise<void> {
    if (operation.kind === "domain.define")
      await this.definitions.takeBack(operation.definition, operation.previous);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- see FileToolstack.listDomains
  async settle(operation: DomainOperation): Promise<"done" | "not-done"> {
    if (operation.kind === "domain.discard-memory")
      return isGone({ path: operation.file }) ? "done" : "not-done";
    if (operation.kind !== "domain.define") return "not-done";
    return this.definitions.holds(operation.definition) ? "done" : "not-done";
  }
}
