import { isActive, type DomainState } from "../../core/model/index.js";
import type { DomainOperation } from "../../core/plan/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import type { DefinitionFolder } from "../lib/definition-folder.js";
import type { Guest } from "./guest.js";

/** Carries out `domain.*` on guests of QEMU. */
export class GuestHandler implements OperationHandler<DomainOperation> {
  constructor(
    private readonly definitions: DefinitionFolder,
    private readonly find: (reference: string) => Guest,
  ) {}

  /** `domain.define` changes the next start only; a running guest stays on its images. */
  async run(operation: DomainOperation, context: OperationContext): Promise<void> {
    if (operation.kind === "domain.define") {
      await this.definitions.write(operation.definition);
      return;
    }
    const guest = this.find(context.domain.uuid);
    switch (operation.kind) {
      case "domain.start":
        await guest.start({ paused: operation.paused });
        return;
      case "domain.stop":
        await guest.stop();
        return;
      case "domain.pause":
        await guest.pause();
        return;
      case "domain.resume":
        await resumeOrWarn(guest, context);
    }
  }

  async undo(operation: DomainOperation, context: OperationContext): Promise<void> {
    if ((await this.settle(operation, context)) === "not-done") return;
    if (operation.kind === "domain.define") {
      await this.definitions.write(operation.previous);
      return;
    }
    const guest = this.find(context.domain.uuid);
    switch (operation.kind) {
      case "domain.start":
        await guest.stop();
        return;
      case "domain.stop":
        await guest.undoStop();
        return;
      case "domain.pause":
        await resumeOrWarn(guest, context);
        return;
      case "domain.resume":
        await guest.pause();
    }
  }

  async settle(operation: DomainOperation, context: OperationContext): Promise<Settled> {
    if (operation.kind === "domain.define")
      return this.definitions.holds(operation.definition) ? "done" : "not-done";
    const { state } = await this.find(context.domain.uuid).describe();
    return hasHappened(operation, state) ? "done" : "not-done";
  }
}

type Settled = Awaited<ReturnType<OperationHandler["settle"]>>;

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
  }
}

/** A guest that died meanwhile cannot go on, and must not keep the rest from being done. */
async function resumeOrWarn(guest: Guest, { domain, warn }: OperationContext): Promise<void> {
  if (guest.pid === undefined) warn(`domain '${domain.name}' is off: it ended while it was paused`);
  else await guest.resume();
}
