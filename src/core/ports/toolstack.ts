import type { Domain, DomainName, DomainDisk } from "../model/index.js";
import type { DriverRules } from "../model/driver-rules.js";
import type { DiskVerdict, DiskWish } from "./disk-backend.js";
import type { DomainOperations } from "./operation-handler.js";
import type { MemoryFormat } from "./saved-memory.js";

/** Keeps domain definitions for people to add to and remove from: `define`, `undefine`. */
export interface DomainRegistry {
  /**
   * Adds a definition or replaces the one with the same name and uuid, as `virsh define` does.
   * Idempotent. Throws `operation-failed` when the name belongs to another uuid or the reverse.
   */
  define(xml: string): Promise<Domain>;
  /** Removes a definition. Images are never touched. */
  undefine(domainUuid: string): Promise<void>;
}

/**
 * Domains are switched on and off as by virsh's verbs of these names. The caller holds the domain's
 * lock. Each throws `operation-invalid` with libvirt's text when the domain's state does not fit.
 */
export interface DomainPower {
  start(domainUuid: string, options: { readonly paused: boolean }): Promise<void>;
  /**
   * At once, as by pulling the plug. What does not react is ended by force, unless `graceful`: then
   * `operation-failed` is thrown. Throws `unsupported-flags` where there is no difference.
   */
  destroy(domainUuid: string, options: { readonly graceful: boolean }): Promise<void>;
  /** Asks the guest to shut down and does not wait for it. */
  shutdown(domainUuid: string): Promise<void>;
  suspend(domainUuid: string): Promise<void>;
  resume(domainUuid: string): Promise<void>;
}

/** How a toolstack takes active guests. */
export interface LiveGuests {
  /** Whether memory can be saved while the guest goes on; else it is paused for that long. */
  readonly savesMemoryLive: boolean;
  /**
   * Whether a guest is stopped by the very act of saving its memory: one that is paused already
   * cannot be saved. `domain.pause` then saves it where disks have to be copied in between.
   */
  readonly pausesToSave: boolean;
  /**
   * Where the memory of a snapshot is that names no file for it; missing where the images hold it.
   * Pure.
   */
  memoryFile?(domain: Pick<Domain, "uuid">, snapshot: string): string;
  /**
   * Whose saved memory a guest can go on from. Missing where the toolstack itself refuses other files
   * before anything is changed.
   */
  readonly restores?: readonly MemoryFormat[];
  /** Whether an active domain has a channel to an agent that could freeze its file systems. */
  hasGuestAgent(domain: Domain): boolean;
}

/** A definition that cannot be read. */
export interface DefinitionProblem {
  /** A file path. */
  readonly definition: string;
  readonly reason: string;
}

/** What runs the domains. */
export interface Toolstack {
  readonly uri: string;
  /** Whose rules a request is checked by; see `core/rules`. */
  readonly rules: DriverRules;
  /** False for a simulation: snapshots are recorded, images are neither read nor written. */
  readonly touchesImages: boolean;
  /** Snapshots of active guests; missing where there is no way into them. */
  readonly live?: LiveGuests;
  /**
   * What the toolstack has against a form of snapshot of a disk, beside what the disk's backend
   * says; undefined for nothing. Asked once for a domain and all of its disks; read-only.
   */
  diskAssessor?(
    domain: Domain,
  ): Promise<(disk: DomainDisk, wish: DiskWish) => DiskVerdict | undefined>;
  /** All domains that the toolstack knows, active or not. */
  listDomains(): Promise<readonly Domain[]>;
  /** Definitions that cannot be read: their domains are in no list, and what they use is unknown. */
  listProblems?(): Promise<readonly DefinitionProblem[]>;
  /**
   * By id (decimal digits), uuid or name, tried in this order as virsh does. Throws `no-domain`.
   */
  findDomain(reference: string): Promise<Domain>;
  /**
   * The same without asking whoever runs the domain, who may hang: for those who read, give up or switch
   * off. Missing where `findDomain` asks nobody who could. Throws `no-domain`.
   */
  identify?(reference: string): Promise<DomainName>;
  /**
   * As `findDomain`, but answers within a second whoever hangs: such a domain counts as `blocked`, on
   * the images that it was started with. Missing where `findDomain` does. Throws `no-domain`.
   */
  glance?(reference: string): Promise<Domain>;
  /**
   * Waits while other tools are just starting or ending a domain, since its images are theirs then;
   * returns at once in any other state. Called with the domain's lock held, before every change.
   * Throws `operation-invalid` when that takes long, and `cancelled`.
   */
  awaitSettled?(domain: Domain, signal?: AbortSignal): Promise<void>;
  /**
   * Asked before every change of a domain, or before one is defined, which then has only a name. Throws
   * `definition-foreign` where another program owns its definition: it would go on with what it
   * knows, and start the guest on an image that has been frozen since.
   */
  assertOwn?(domain: Pick<Domain, "name">): void;
  /** Where definitions are kept by this toolstack itself. */
  readonly registry?: DomainRegistry;
  /** Where domains can be switched on and off. */
  readonly power?: DomainPower;
  /** Carries out the `domain.*` operations; those on active guests where there is `live`. */
  readonly operations: DomainOperations;
}
