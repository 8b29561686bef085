import { settled } from "../model/index.js";
import type { RecordOperations } from "../ports/operation-handler.js";
import type { SnapshotStore } from "../ports/snapshot-store.js";
import { isSameData } from "./same-data.js";

/**
 * The operations on records, of a store. Each write of a store is atomic, so each of these has
 * either happened or not.
 */
export function recordOperations(store: SnapshotStore): RecordOperations {
  const namesOf = async (uuid: string) =>
    new Set((await store.index(uuid)).heads.map(({ name }) => name));
  return {
    "record.write": {
      run: ({ snapshot }, { domain }) => store.write(domain.uuid, snapshot),
      async settle({ snapshot }, { domain }) {
        if (!(await namesOf(domain.uuid)).has(snapshot.name)) return "not-done";
        return settled(isSameData(await store.read(domain.uuid, snapshot.name), snapshot));
      },
    },
    "records.add": {
      run: ({ snapshots }, { domain }) => store.writeAll(domain.uuid, snapshots),
      /** Last first, so that children go before their parents. */
      async undo({ snapshots }, { domain }) {
        for (const { name } of [...snapshots].reverse()) await store.remove(domain.uuid, name);
      },
      async settle({ snapshots }, { domain }) {
        const names = await namesOf(domain.uuid);
        return settled(snapshots.every(({ name }) => names.has(name)));
      },
    },
    "record.remove": {
      run: ({ name }, { domain }) => store.remove(domain.uuid, name),
      settle: async ({ name }, { domain }) => settled(!(await namesOf(domain.uuid)).has(name)),
    },
    "record.current": {
      run: ({ name }, { domain }) => store.setCurrent(domain.uuid, name),
      settle: async ({ name }, { domain }) =>
        settled((await store.index(domain.uuid)).current === name),
    },
  };
}
