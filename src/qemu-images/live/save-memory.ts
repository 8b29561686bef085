import { setTimeout as sleep } from "node:timers/promises";

import { DomsnapError } from "../../core/errors/index.js";
import type { OperationContext } from "../../core/ports/index.js";
import {
  endMigration,
  prepareMigration,
  startMigration,
  waitForMigration,
  type MemorySink,
  type QmpClient,
} from "../../clients/qmp/index.js";

export interface MemorySave {
  readonly sink: MemorySink;
  /** Whether the guest runs, and may go on while its memory is written. */
  readonly running: boolean;
  /** Where memory cannot be written in the background: save first, stop at the end. */
  readonly live: boolean;
  /** Takes the disks; called once, while the guest is paused. */
  readonly takeDisks: () => Promise<void>;
}

/**
 * Saves the memory of a guest as it is at the instant at which `takeDisks` is called. Best is
 * in the background: it is paused for the disks and its devices only. The guest may still
 * be paused when this ends or throws. Throws `no-space`, `tool-failed`, `cancelled`.
 */
export async function saveMemory(
  client: QmpClient,
  save: MemorySave,
  context: Pick<OperationContext, "signal" | "progress">,
): Promise<void> {
  const background = save.running && (await prepareMigration(client, { background: true }));
  if (!background) await prepareMigration(client, { background: false });
  const atTheEnd = !background && save.running && save.live;
  try {
    if (!atTheEnd) {
      await client.execute("stop");
      await save.takeDisks();
    }
    await startMigration(client, save.sink.uri);
    await waitForMigration(client, {
      signal: context.signal,
      background,
      onProgress: (progress) => {
        context.progress({ ...progress, subject: "memory" });
      },
    });
    if (atTheEnd) await save.takeDisks();
  } catch (thrown) {
    throw (await sinkFailure(save.sink)) ?? thrown;
  } finally {
    if (background) await endMigration(client).catch(() => undefined);
  }
}

/** Why the file could not be written: a better answer than that QEMU's socket was closed. */
async function sinkFailure(sink: MemorySink): Promise<DomsnapError | undefined> {
  const ended = sink.finish().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  const failure = await Promise.race([ended, sleep(100, undefined, { ref: false })]);
  return failure instanceof DomsnapError && failure.code !== "operation-failed"
    ? failure
    : undefined;
}
