import type {
  FileFact,
  FileProbe,
  HostFiles,
  StateStorage,
  StoredState,
} from "../../ports/index.js";
import type { Locator } from "../../plan/answer.js";

/** All storages of a connection's backends, asked as one. */
export class StateStorages implements Pick<StateStorage, "find"> {
  constructor(private readonly all: readonly StateStorage[]) {}

  /** See `StateStorage.find`. */
  async find(locators: readonly Locator[]): Promise<Map<Locator, StoredState | undefined>> {
    if (this.all.length === 0 || locators.length === 0) return new Map();
    const found = await Promise.all(this.all.map((storage) => storage.find(locators)));
    return new Map(found.flatMap((names) => [...names]));
  }

  /** The host's probe, which knows by now what the storages keep under some names. */
  async probeFor(probe: FileProbe, locators: readonly Locator[]): Promise<FileProbe> {
    const stored = await this.find([...new Set(locators)]);
    if (stored.size === 0) return probe;
    return (path) => (stored.has(path) ? factOf(stored.get(path)) : probe(path));
  }

  /** The host's files, where names of the storages lead to what these keep. */
  over(files: HostFiles): HostFiles {
    if (this.all.length === 0) return files;
    const find = (names: readonly Locator[]) => this.find(names);
    /** Undefined for the name of a file, else what the storage has there. */
    const ask = async (path: Locator): Promise<{ readonly state?: StoredState } | undefined> => {
      const stored = await find([path]);
      const state = stored.get(path);
      return stored.has(path) ? { ...(state && { state }) } : undefined;
    };
    return {
      ...files,
      async look(path) {
        const asked = await ask(path);
        if (!asked) return files.look(path);
        return asked.state && { path, kind: "other", mode: 0, sizeBytes: 0 };
      },
      async identify(path) {
        const asked = await ask(path);
        if (!asked) return files.identify(path);
        return asked.state ? [{ place: path, identity: asked.state.identity }] : [];
      },
      async thing(path) {
        const asked = await ask(path);
        return asked ? asked.state && `stored:${asked.state.identity}` : files.thing(path);
      },
      // What is to be done in a storage its backend assesses.
      async assertUsable(demands) {
        const stored = await find(demands.map(({ place }) => place));
        await files.assertUsable(demands.filter(({ place }) => !stored.has(place)));
      },
      // Whether there is such a folder says nothing of who may name what is in the storage.
      async foldersOf(path) {
        return (await ask(path)) ? [path.slice(0, path.lastIndexOf("/"))] : files.foldersOf(path);
      },
    };
  }
}

function factOf(state: StoredState | undefined): FileFact {
  return state ? { kind: "stored" } : { kind: "absent", isStorage: true };
}
