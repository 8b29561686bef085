import { isActive, type OperationOf, settled } from "../../core/model/index.js";
import type {
  DomainOperations,
  OperationContext,
  OperationWork,
  UndoableWork,
} from "../../core/ports/index.js";
import type { DefinitionFolder } from "../../plugin-kit/definition-folder.js";
import { defineInFolder } from "../../plugin-kit/define-in-folder.js";
import { GuestCapture, GuestImages } from "../../qemu-images/live/index.js";
import { discardMemory } from "../../qemu-images/unlink-unneeded.js";
import { GuestFreeze } from "./guest-freeze.js";
import { GuestPause } from "./guest-pause.js";
import type { Guest } from "./guest.js";

type FindGuest = (reference: string) => Guest;

/**
 * The operations on guests of QEMU. `domain.define` changes the next start only; a running guest
 * stays on its images.
 */
export function guestOperations(definitions: DefinitionFolder, find: FindGuest): DomainOperations {
  const pause = new GuestPause();
  const guestOf = ({ domain }: OperationContext) => find(domain.uuid);
  return {
    "domain.define": defineInFolder(definitions),
    "domain.start": {
      run({ paused, memory, definition }, context) {
        const guest = guestOf(context);
        return memory ? guest.restore(memory, definition) : guest.start({ paused });
      },
      settle: async ({ paused }, context) =>
        settled((await guestOf(context).describe()).state === (paused ? "paused" : "running")),
    },
    "domain.stop": {
      run: (_operation, context) => guestOf(context).stop(),
      settle: async (_operation, context) => settled(!isActive(await guestOf(context).describe())),
    },
    "domain.pause": {
      run: (_operation, context) => pause.begin(guestOf(context), context),
      undo: (_operation, context) => pause.end(guestOf(context), context),
      settle: async (_operation, context) =>
        settled((await guestOf(context).describe()).state === "paused"),
    },
    "domain.resume": {
      safeguard: (_operation, context) => guestOf(context).guard.begin(),
      run: (_operation, context) => pause.end(guestOf(context), context),
      settle: async (_operation, context) =>
        settled((await guestOf(context).describe()).state === "running"),
    },
    ...freezeOperations(guestOf),
    ...captureOperations(guestOf, pause),
    ...imageOperations(guestOf),
    "domain.discard-memory": discardMemory,
  };
}

type GuestOf = (context: OperationContext) => Guest;

function freezeOperations(
  guestOf: GuestOf,
): Pick<DomainOperations, "domain.quiesce" | "domain.thaw"> {
  const freeze = new GuestFreeze();
  return {
    "domain.quiesce": {
      run: (_operation, context) => freeze.quiesce(guestOf(context), context),
      undo: (_operation, context) => freeze.thaw(guestOf(context), context),
      settle: (_operation, context) => Promise.resolve(settled(freeze.isFrozen(guestOf(context)))),
    },
    "domain.thaw": {
      run: (_operation, context) => freeze.thaw(guestOf(context), context),
      settle: (_operation, context) => Promise.resolve(settled(!freeze.isFrozen(guestOf(context)))),
    },
  };
}

function captureOperations(guestOf: GuestOf, pause: GuestPause) {
  const capture = new GuestCapture();
  const prepare: UndoableWork<OperationOf<"domain.prepare-capture">> = {
    run: (operation, context) => capture.prepare(guestOf(context), operation, context),
    undo: (operation, context) => capture.undoPrepare(guestOf(context), operation, context),
    settle: async (operation, context) => settled(await capture.isPrepared(operation, context)),
  };
  const take: UndoableWork<OperationOf<"domain.capture">> = {
    run: (operation, context) =>
      capture.take(guestOf(context), operation, context, pause.takeStart(context)),
    undo: (operation, context) => capture.undo(guestOf(context), operation, context),
    settle: async (operation, context) =>
      settled(await capture.isTaken(guestOf(context), operation, context)),
  };
  return { "domain.prepare-capture": prepare, "domain.capture": take };
}

function imageOperations(guestOf: GuestOf) {
  const images = new GuestImages();
  const merge: OperationWork<OperationOf<"domain.merge">> = {
    commits: true,
    run: (operation, context) => images.merge(guestOf(context), operation, context),
    settle: async (operation, context) =>
      settled(await images.isMerged(guestOf(context), operation)),
  };
  const remove: OperationWork<OperationOf<"domain.remove">> = {
    commits: true,
    run: (operation, context) => images.remove(guestOf(context), operation, context),
    settle: async (operation, context) =>
      settled(await images.isRemoved(guestOf(context), operation)),
  };
  return { "domain.merge": merge, "domain.remove": remove };
}
