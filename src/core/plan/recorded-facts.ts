import type { Domain, DomainSnapshot, SnapshotTree } from "../model/index.js";
import type { BackendRegistry } from "./backend-registry.js";
import type { ImageFacts } from "./image-facts.js";
import type { KeeperProfile, KeptDisk } from "./kept-disk.js";

/** What is known wherever it is decided what becomes of a snapshot that is recorded. */
export interface RecordedFacts {
  readonly domain: Domain;
  readonly snapshot: DomainSnapshot;
  /** The disks of the snapshot that take part. */
  readonly disks: readonly KeptDisk[];
  readonly tree: SnapshotTree;
  readonly backends: BackendRegistry<KeeperProfile>;
  readonly images: ImageFacts;
}
