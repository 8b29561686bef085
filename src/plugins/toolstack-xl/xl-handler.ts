import { DomsnapError } from "../../core/errors/index.js";
import { isActive, type DomainState } from "../../core/model/index.js";
import type { DomainOperation, OperationOf } from "../../core/model/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import { unlinkDurably } from "../../host/durable-files.js";
import { probeFile } from "../../host/probe-file.js";
import { XenCapture } from "./xen-capture.js";
import { domainStateOf, type XenDomains } from "./xen-domains.js";

type PowerOperation = OperationOf<
  "domain.start" | "domain.stop" | "domain.pause" | "domain.resume"
>;

/** Carries out `domain.*` on guests of Xen. What is done is read back from xl. */
export class XlHandler implements OperationHandler<DomainOperation> {
  readonly #capture: XenCapture;

  constructor(
    private readonly domains: XenDomains,
    stateFolder: string,
  ) {
    this.#capture = new XenCapture(domains, stateFolder);
  }

  /**
   * A guest that cannot come up again is not given up, and one whose QEMU cannot be reached keeps
   * its images as they are.
   */
  async precheck(operation: DomainOperation, context: OperationContext): Promise<void> {
    if (operation.kind === "domain.merge" || operation.kind === "domain.remove")
      return this.#capture.assertReachable(context);
    if (operation.kind !== "domain.start") return;
    if (operation.memory) await this.#capture.assertRestorable(operation, context);
    else this.domains.files.require(context.domain);
  }

  /** `domain.define` changes the file for the next start only. */
  async run(operation: DomainOperation, context: OperationContext): Promise<void> {
    switch (operation.kind) {
      case "domain.define":
        return this.#define(operation, context);
      case "domain.start":
        return this.#start(operation, context);
      case "domain.stop":
        return this.#stop(context);
      case "domain.pause":
        return this.#capture.pause(operation.save, context);
      case "domain.resume":
        return this.#capture.resume(context);
      case "domain.prepare-capture":
        return this.#capture.prepare(operation, context);
      case "domain.capture":
        return this.#capture.take(operation, context);
      case "domain.remove":
        return this.#capture.remove(operation, context);
      case "domain.discard-memory":
        await unlinkDurably(operation.file);
        return;
      case "domain.quiesce":
      case "domain.thaw":
        throw new DomsnapError("argument-unsupported", "QEMU guest agent is not configured");
      case "domain.merge":
        return this.#capture.merge(operation, context);
    }
  }

  async undo(operation: DomainOperation, context: OperationContext): Promise<void> {
    switch (operation.kind) {
      case "domain.define":
        if (this.domains.files.holds(operation.definition))
          await this.domains.files.write(operation.previous);
        return;
      case "domain.prepare-capture":
        return this.#capture.undoPrepare(operation, context);
      case "domain.capture":
        return this.#capture.undo(operation, context);
      case "domain.quiesce":
      case "domain.thaw":
      case "domain.merge":
      case "domain.remove":
      case "domain.discard-memory":
        return;
      case "domain.pause":
        return this.#capture.undoPause(operation.save, context);
      case "domain.start":
      case "domain.stop":
      case "domain.resume":
        if ((await this.settle(operation, context)) === "done")
          await this.#undoDone(operation, context);
    }
  }

  async settle(
    operation: DomainOperation,
    context: OperationContext,
  ): Promise<"done" | "not-done"> {
    return (await this.#isDone(operation, context)) ? "done" : "not-done";
  }

  async #isDone(operation: DomainOperation, context: OperationContext): Promise<boolean> {
    switch (operation.kind) {
      case "domain.define": {
        const { files } = this.domains;
        return files.holds(operation.definition) || !files.find(operation.definition);
      }
      case "domain.prepare-capture":
        return this.#capture.isPrepared(operation);
      case "domain.capture":
        return this.#capture.isTaken(operation, context);
      case "domain.remove":
        return this.#capture.isRemoved(operation, context);
      case "domain.discard-memory":
        return probeFile(operation.file).kind === "absent";
      case "domain.quiesce":
      case "domain.thaw":
        return false;
      case "domain.merge":
        return this.#capture.isMerged(operation, context);
      case "domain.start":
      case "domain.stop":
      case "domain.pause":
      case "domain.resume":
        return hasHappened(operation, await this.#stateOf(context));
    }
  }

  /** A guest without a file has no next start, and its images are those that Xen knows. */
  async #define(
    { definition }: OperationOf<"domain.define">,
    { warn }: OperationContext,
  ): Promise<void> {
    const { files } = this.domains;
    if (files.find(definition)) await files.write(definition);
    else warn(`no file in /etc/xen describes domain '${definition.name}', so none was changed`);
  }

  async #undoDone(
    { kind }: Exclude<PowerOperation, { readonly kind: "domain.pause" }>,
    context: OperationContext,
  ): Promise<void> {
    switch (kind) {
      case "domain.start":
        return this.#stop(context);
      case "domain.stop":
        return this.#start({ paused: false }, context);
      case "domain.resume":
        return this.#capture.pause(undefined, context);
    }
  }

  async #stateOf({ domain }: OperationContext): Promise<DomainState> {
    const row = await this.domains.findRow(domain.uuid);
    return row ? domainStateOf(row.state) : "shutoff";
  }

  async #start(
    { paused, memory, definition }: Omit<OperationOf<"domain.start">, "kind">,
    context: OperationContext,
  ): Promise<void> {
    if (memory)
      return this.#capture.restore({ memory, ...(definition && { definition }) }, context);
    const { domain } = context;
    const { xl, files } = this.domains;
    const row = await this.domains.findRow(domain.uuid);
    if (!row) await xl.create(files.require(domain).path, domain.name, paused);
    else if (paused) await xl.pause(row.id);
    else await xl.unpause(row.id);
  }

  async #stop({ domain }: OperationContext): Promise<void> {
    const row = await this.domains.findRow(domain.uuid);
    if (row) await this.#capture.stop(row);
  }
}

function hasHappened(operation: PowerOperation, state: DomainState): boolean {
  switch (operation.kind) {
    case "domain.start":
      // From memory, the guest comes up paused and is resumed by an operation of its own.
      return state === (operation.paused || operation.memory ? "paused" : "running");
    case "domain.stop":
      return !isActive({ state });
    case "domain.pause":
      return state === "paused";
    case "domain.resume":
      return state === "running";
  }
}
