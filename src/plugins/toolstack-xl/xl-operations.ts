import { isActive, type DomainState, type OperationOf, settled } from "../../core/model/index.js";
import type {
  DomainOperations,
  OperationContext,
  OperationWork,
  UndoableWork,
} from "../../core/ports/index.js";
import { discardMemory } from "../../qemu-images/unlink-unneeded.js";
import { XenCapture } from "./xen-capture.js";
import { domainStateOf, type XenDomains } from "./xen-domains.js";

/**
 * The operations on guests of Xen. What is done is read back from xl. There is no guest agent that
 * could freeze file systems.
 */
export function xlOperations(domains: XenDomains, stateFolder: string): DomainOperations {
  const capture = new XenCapture(domains, stateFolder);
  return {
    "domain.define": define(domains),
    "domain.start": start(domains, capture),
    "domain.stop": {
      async run(_operation, { domain }) {
        const row = await domains.findRow(domain.uuid);
        if (row) await capture.stop(row);
      },
      settle: async (_operation, context) =>
        settled(!isActive({ state: await stateOf(domains, context) })),
    },
    "domain.pause": {
      run: ({ save }, context) => capture.pause(save, context),
      undo: ({ save }, context) => capture.undoPause(save, context),
      settle: async (_operation, context) =>
        settled((await stateOf(domains, context)) === "paused"),
    },
    "domain.resume": {
      run: (_operation, context) => capture.resume(context),
      settle: async (_operation, context) =>
        settled((await stateOf(domains, context)) === "running"),
    },
    "domain.prepare-capture": {
      run: (operation, context) => capture.prepare(operation, context),
      undo: (operation, context) => capture.undoPrepare(operation, context),
      settle: async (operation, context) => settled(await capture.isPrepared(operation, context)),
    },
    "domain.capture": {
      run: (operation, context) => capture.take(operation, context),
      undo: (operation, context) => capture.undo(operation, context),
      settle: async (operation, context) => settled(await capture.isTaken(operation, context)),
    },
    "domain.merge": {
      commits: true,
      // A QEMU that cannot be reached keeps its images as they are.
      precheck: (_operation, context) => capture.assertReachable(context),
      run: (operation, context) => capture.merge(operation, context),
      settle: async (operation, context) => settled(await capture.isMerged(operation, context)),
    },
    "domain.remove": {
      commits: true,
      precheck: (_operation, context) => capture.assertReachable(context),
      run: (operation, context) => capture.remove(operation, context),
      settle: async (operation, context) => settled(await capture.isRemoved(operation, context)),
    },
    "domain.discard-memory": discardMemory,
  };
}

/**
 * Changes the file for the next start only. A guest without a file has no next start, and its images
 * are those that Xen knows.
 */
function define({ files }: XenDomains): UndoableWork<OperationOf<"domain.define">> {
  return {
    async run({ definition }, { warn }) {
      if (files.find(definition)) await files.write(definition);
      else warn(`no file in /etc/xen describes domain '${definition.name}', so none was changed`);
    },
    async undo({ definition, previous }) {
      if (files.holds(definition)) await files.write(previous);
    },
    // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
    settle: async ({ definition }) => settled(files.holds(definition) || !files.find(definition)),
  };
}

/** From memory a guest comes up paused, and is resumed by an operation of its own. */
function start(
  domains: XenDomains,
  capture: XenCapture,
): OperationWork<OperationOf<"domain.start">> {
  return {
    /** A guest that cannot come up again is not given up. */
    async precheck(operation, context) {
      if (operation.memory) await capture.assertRestorable(operation, context);
      else domains.files.require(context.domain);
    },
    async run({ paused, memory, definition }, context) {
      if (memory) return capture.restore({ memory, ...(definition && { definition }) }, context);
      const { domain } = context;
      const { xl, files } = domains;
      const row = await domains.findRow(domain.uuid);
      if (!row) await xl.create(files.require(domain).path, domain.name, paused);
      else if (paused) await xl.pause(row.id);
      else await xl.unpause(row.id);
    },
    settle: async ({ paused, memory }, context) =>
      settled((await stateOf(domains, context)) === (paused || memory ? "paused" : "running")),
  };
}

async function stateOf(domains: XenDomains, { domain }: OperationContext): Promise<DomainState> {
  const row = await domains.findRow(domain.uuid);
  return row ? domainStateOf(row.state) : "shutoff";
}
