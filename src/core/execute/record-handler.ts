import type { OperationHandler } from "../ports/operation-handler.js";
import type { SnapshotStore } from "../ports/snapshot-store.js";
import type { RecordOperation } from "./handlers.js";
import { isSameData } from "./same-data.js";

/**
 * Carries out `record.*` on a store. Each write of a store is atomic, so each of these operations
 * has either happened or not.
 */
export function createRecordHandler(store: SnapshotStore): OperationHandler<RecordOperation> {
  return {
    async run(operation, { domain }) {
      switch (operation.kind) {
        case "record.write":
          return store.write(domain.uuid, operation.snapshot);
        case "records.add":
          return store.writeAll(domain.uuid, operation.snapshots);
        case "record.remove":
          return store.remove(domain.uuid, operation.name);
        case "record.current":
          return store.setCurrent(domain.uuid, operation.name);
      }
    },
    async undo(operation, { domain }) {
      if (operation.kind === "records.add")
        // Last first, so that children go before their parents.
        for (const { name } of [...operation.snapshots].reverse())
          await store.remove(domain.uuid, name);
      if (operation.kind !== "record.write") return;
      if (operation.previous) await store.write(domain.uuid, operation.previous);
      else await store.remove(domain.uuid, operation.snapshot.name);
    },
    async settle(operation, { domain }) {
      const { heads, current } = await store.index(domain.uuid);
      const exists = (name: string) => heads.some((head) => head.name === name);
      const done = (yes: boolean) => (yes ? "done" : "not-done");
      switch (operation.kind) {
        case "record.write": {
          const { snapshot } = operation;
          if (!exists(snapshot.name)) return "not-done";
          return done(isSameData(await store.read(domain.uuid, snapshot.name), snapshot));
        }
        case "records.add": {
          const names = new Set(heads.map(({ name }) => name));
          return done(operation.snapshots.every(({ name }) => names.has(name)));
        }
        case "record.remove":
          return done(!exists(operation.name));
        case "record.current":
          return done(current === operation.name);
      }
    },
  };
}
