import { isActive, type DomainState } from "../../core/model/index.js";
import type { DomainOperation, OperationOf } from "../../core/model/operation.js";
import type { OperationContext, OperationHandler } from "../../core/ports/index.js";
import type { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { unlinkDurably } from "../../host/durable-files.js";
import { GuestCapture, GuestImages } from "../../qemu-images/live/index.js";
import { probeFile } from "../../host/probe-file.js";
import { GuestFreeze } from "./guest-freeze.js";
import type { Guest } from "./guest.js";

/** Carries out `domain.*` on guests of QEMU. */
export class GuestHandler implements OperationHandler<DomainOperation> {
  readonly #capture = new GuestCapture();
  readonly #images = new GuestImages();
  readonly #freeze = new GuestFreeze();
  /** Since when guests stand still that this process has paused. */
  readonly #pausedAtUs = new Map<string, number>();

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
        return start(guest, operation);
      case "domain.stop":
        return guest.stop();
      case "domain.pause":
        return this.#pause(guest, context);
      case "domain.resume":
        return this.#resume(guest, context);
      case "domain.quiesce":
        return this.#freeze.quiesce(guest, context);
      case "domain.thaw":
        return this.#freeze.thaw(guest, context);
      case "domain.prepare-capture":
        return this.#capture.prepare(guest, operation, context);
      case "domain.capture":
        return this.#capture.take(guest, operation, context, this.#takePause(context));
      case "domain.merge":
        return this.#images.merge(guest, operation, context);
      case "domain.remove":
        return this.#images.remove(guest, operation, context);
      case "domain.discard-memory":
        await unlinkDurably(operation.file);
    }
  }

  async undo(operation: DomainOperation, context: OperationContext): Promise<void> {
    if (operation.kind === "domain.define")
      return this.definitions.takeBack(operation.definition, operation.previous);
    const guest = this.find(context.domain.uuid);
    switch (operation.kind) {
      case "domain.quiesce":
        return this.#freeze.thaw(guest, context);
      case "domain.prepare-capture":
        return this.#capture.undoPrepare(guest, operation);
      case "domain.capture":
        return this.#capture.undo(guest, operation, context);
      case "domain.thaw":
      case "domain.merge":
      case "domain.remove":
      case "domain.discard-memory":
        return;
      case "domain.start":
      case "domain.stop":
      case "domain.pause":
      case "domain.resume":
        if ((await this.settle(operation, context)) === "done")
          await this.#undoDone(guest, operation, context);
    }
  }

  async settle(operation: DomainOperation, context: OperationContext): Promise<Settled> {
    return (await this.#isDone(operation, context)) ? "done" : "not-done";
  }

  async #undoDone(
    guest: Guest,
    operation: PowerOperation,
    context: OperationContext,
  ): Promise<void> {
    switch (operation.kind) {
      case "domain.start":
        return guest.stop();
      case "domain.stop":
        return guest.undoStop();
      case "domain.pause":
        return this.#resume(guest, context);
      case "domain.resume":
        await guest.pause();
    }
  }

  async #isDone(operation: DomainOperation, { domain }: OperationContext): Promise<boolean> {
    if (operation.kind === "domain.define") return this.definitions.holds(operation.definition);
    const guest = this.find(domain.uuid);
    switch (operation.kind) {
      case "domain.quiesce":
        return this.#freeze.isFrozen(guest);
      case "domain.thaw":
        return !this.#freeze.isFrozen(guest);
      case "domain.prepare-capture":
        return this.#capture.isPrepared(operation);
      case "domain.capture":
        return this.#capture.isTaken(guest, operation);
      case "domain.merge":
        return this.#images.isMerged(guest, operation);
      case "domain.remove":
        return this.#images.isRemoved(guest, operation);
      case "domain.discard-memory":
        return probeFile(operation.file).kind === "absent";
      case "domain.start":
      case "domain.stop":
      case "domain.pause":
      case "domain.resume":
        return hasHappened(operation, (await guest.describe()).state);
    }
  }

  async #pause(guest: Guest, { domain }: OperationContext): Promise<void> {
    const stoppedAtUs = await guest.pause();
    if (stoppedAtUs !== undefined) this.#pausedAtUs.set(domain.uuid, stoppedAtUs);
  }

  #takePause({ domain }: OperationContext): number | undefined {
    const stoppedAtUs = this.#pausedAtUs.get(domain.uuid);
    this.#pausedAtUs.delete(domain.uuid);
    return stoppedAtUs;
  }

  /** A guest that died meanwhile cannot go on, and must not keep the rest from being done. */
  async #resume(guest: Guest, context: OperationContext): Promise<void> {
    const stoppedAtUs = this.#takePause(context);
    if (guest.pid === undefined) {
      context.warn(`domain '${context.domain.name}' is off: it ended while it was paused`);
      return;
    }
    const resumedAtUs = await guest.resume();
    if (stoppedAtUs !== undefined && resumedAtUs !== undefined)
      context.report?.({ pauseMs: (resumedAtUs - stoppedAtUs) / 1000 });
  }
}

type Settled = Awaited<ReturnType<OperationHandler["settle"]>>;
type PowerOperation = OperationOf<
  "domain.start" | "domain.stop" | "domain.pause" | "domain.resume"
>;

function start(guest: Guest, { paused, memory, definition }: OperationOf<"domain.start">) {
  return memory ? guest.restore(memory, definition) : guest.start({ paused });
}

function hasHappened(operation: PowerOperation, state: DomainState): boolean {
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
