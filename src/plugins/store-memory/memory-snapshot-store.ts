import { DomsnapError } from "../../core/errors/index.js";
import type { DomainSnapshot } from "../../core/model/index.js";
import type { SnapshotIndex, SnapshotStore } from "../../core/ports/index.js";

interface Records {
  /** In the order of their last writing, which is that of linking. */
  readonly byName: Map<string, DomainSnapshot>;
  current: string | undefined;
}

/** Keeps records as long as the connection lives. Takes any name, as libvirt's test driver does. */
export class MemorySnapshotStore implements SnapshotStore {
  readonly #domains = new Map<string, Records>();

  assertName(): void {
    // Nothing is made of a name here.
  }

  index(domainUuid: string): Promise<SnapshotIndex> {
    const { byName, current } = this.#records(domainUuid);
    const heads = [...byName.values()];
    if (current === undefined) return Promise.resolve({ heads, problems: [] });
    if (byName.has(current)) return Promise.resolve({ heads, current, problems: [] });
    const reason = `there is no snapshot '${current}'`;
    const problem = { record: "current", reason, about: "current" } as const;
    return Promise.resolve({ heads, problems: [problem] });
  }

  read(domainUuid: string, name: string): Promise<DomainSnapshot> {
    const snapshot = this.#records(domainUuid).byName.get(name);
    if (snapshot) return Promise.resolve(snapshot);
    const detail = `no domain snapshot with matching name '${name}'`;
    return Promise.reject(new DomsnapError("no-domain-snapshot", detail));
  }

  /** A record that is written again is linked anew, in front of its siblings, as libvirt does. */
  domains(): Promise<readonly string[]> {
    return Promise.resolve([...this.#domains.keys()]);
  }

  files(): Promise<readonly never[]> {
    return Promise.resolve([]);
  }

  write(domainUuid: string, snapshot: DomainSnapshot): Promise<void> {
    const { byName } = this.#records(domainUuid);
    byName.delete(snapshot.name);
    byName.set(snapshot.name, snapshot);
    return Promise.resolve();
  }

  async writeAll(domainUuid: string, snapshots: readonly DomainSnapshot[]): Promise<void> {
    for (const snapshot of snapshots) await this.write(domainUuid, snapshot);
  }

  remove(domainUuid: string, name: string): Promise<void> {
    this.#records(domainUuid).byName.delete(name);
    return Promise.resolve();
  }

  setCurrent(domainUuid: string, name: string | undefined): Promise<void> {
    this.#records(domainUuid).current = name;
    return Promise.resolve();
  }

  #records(domainUuid: string): Records {
    let records = this.#domains.get(domainUuid);
    if (!records) {
      records = { byName: new Map(), current: undefined };
      this.#domains.set(domainUuid, records);
    }
    return records;
  }
}
