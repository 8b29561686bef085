import type { DiskSnapshot, DomainDisk } from "../model/index.js";
import type { BackendProfile, DiskBackend } from "../ports/index.js";

/** A disk that takes part. */
export type TakenDisk = DiskSnapshot & { readonly mode: "internal" | "external" };

/** What a decision has to know of a backend. None of it asks the host. */
export type KeeperProfile = BackendProfile & Pick<DiskBackend, "keepsPaths">;

/** A disk that takes part, with the domain's view of it and the backend that keeps it. */
export interface KeptDisk {
  readonly disk: TakenDisk;
  readonly domainDisk: DomainDisk;
  readonly backend: KeeperProfile;
}
