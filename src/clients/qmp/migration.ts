import { setTimeout as sleep } from "node:timers/promises";

import { looseObject, number, optional, string } from "valibot";

import { DomsnapError } from "../../core/errors/index.js";
import type { QmpClient } from "./qmp-client.js";
import { qmpFailureOf } from "./qmp-failure.js";
import { readReply } from "./read-reply.js";

/** How far the memory has got. */
export interface MigrationProgress {
  readonly bytesDone: number;
  /** The guest's whole memory; a running guest makes more of it while it is sent. */
  readonly bytesTotal: number;
}

export interface MigrationWaitOptions {
  /** Cancels the migration, waits for its end and throws `cancelled`; the guest goes on. */
  readonly signal?: AbortSignal;
  /**
   * The memory is saved in the background. Such a migration is never cut short, only waited
   * for: QEMU 7.2 hangs when it has to break it off (its main thread may wait for a page that
   * nobody saves any more).
   */
  readonly background?: boolean;
  readonly onProgress?: (progress: MigrationProgress) => void;
  /** Default 100 ms. */
  readonly pollMs?: number;
}

/** No limit: the medium sets the pace. QEMU's default is 128 MiB/s. */
const UNLIMITED_BYTES_PER_SECOND = 2 ** 53;

const MigrationInfo = looseObject({
  status: optional(string(), "none"),
  "error-desc": optional(string()),
  ram: optional(looseObject({ transferred: number(), total: number() })),
});

/**
 * Prepares QEMU for sending a guest's memory at full speed. With `background` the guest is stopped
 * only while its devices are saved, runs on while its memory is written as it was at that moment,
 * and is let run again by QEMU itself; false is returned when QEMU or the kernel cannot do that
 * (QEMU 6.0, userfaultfd with write protection), and nothing is set up then.
 */
export async function prepareMigration(
  client: QmpClient,
  { background }: { readonly background: boolean },
): Promise<boolean> {
  try {
    await setBackground(client, background);
  } catch (thrown) {
    if (background && qmpFailureOf(thrown)) return false;
    throw thrown;
  }
  await client.execute("migrate-set-parameters", { "max-bandwidth": UNLIMITED_BYTES_PER_SECOND });
  return true;
}

/** Undoes what would change the meaning of somebody else's migration. */
export async function endMigration(client: QmpClient): Promise<void> {
  await setBackground(client, false);
}

/** Begins to send to a URI. Returns at once. */
export async function startMigration(client: QmpClient, uri: string): Promise<void> {
  await client.execute("migrate", { uri });
}

/** Waits until everything is sent. Throws `tool-failed` with QEMU's words when it failed. */
export async function waitForMigration(
  client: QmpClient,
  options: MigrationWaitOptions = {},
): Promise<void> {
  for (;;) {
    if (options.signal?.aborted) {
      if (!options.background) await client.execute("migrate_cancel");
      await awaitEnd(client, options);
      throw new DomsnapError("cancelled", "saving the guest's memory was cancelled");
    }
    const info = await queryMigration(client);
    if (info.ram)
      options.onProgress?.({ bytesDone: info.ram.transferred, bytesTotal: info.ram.total });
    if (info.status === "completed") return;
    if (info.status === "failed" || info.status === "cancelled")
      throw new DomsnapError(
        "tool-failed",
        `QEMU could not save the guest's memory: ${info["error-desc"] ?? info.status}`,
      );
    await sleep(options.pollMs ?? 100);
  }
}

const ENDED: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "none"]);

/** Waits for the end of whatever an earlier client began to send, and tidies up after it. */
export async function waitForEarlierMigration(client: QmpClient): Promise<void> {
  await awaitEnd(client, {});
  await endMigration(client);
}

async function awaitEnd(client: QmpClient, { pollMs = 100 }: MigrationWaitOptions) {
  while (!ENDED.has((await queryMigration(client)).status)) await sleep(pollMs);
}

async function queryMigration(client: QmpClient) {
  const reply = await client.execute("query-migrate");
  return readReply("query-migrate", MigrationInfo, reply);
}

async function setBackground(client: QmpClient, state: boolean): Promise<void> {
  const capabilities = [
    { capability: "events", state: true },
    { capability: "background-snapshot", state },
  ];
  await client.execute("migrate-set-capabilities", { capabilities });
}
