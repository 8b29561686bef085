import type {
  CreateFlags,
  DeleteFlags,
  Domain,
  DomainName,
  DomainSnapshot,
  RevertFlags,
} from "../model/index.js";
import type { BackendProfile, DefinitionProblem, DomainRegistry } from "../ports/index.js";
import type { Finding } from "../rules/index.js";
import type { PowerAction } from "./domain/power-action.js";
import type {
  Abandonment,
  ChangeOptions,
  ChangeResult,
  CheckOptions,
  CheckReport,
  CreateOptions,
  CreateResult,
  DiskCapabilities,
  ExportRequest,
  ExportResult,
  ImportRequest,
  ImportResult,
  ListQuery,
  LockInfo,
  PruneRequest,
  PruneResult,
  RecoverOptions,
  Recovery,
  RevertOptions,
  RevertResult,
  SnapshotInfo,
  SnapshotListing,
  UndefineOptions,
} from "./shared/results.js";

/**
 * The face of all use cases of one connection, for the command line, a library's user and a
 * daemon. Calls may run concurrently; changes of one domain wait for each other. A `domain`
 * argument is a name, an id or a uuid. Every call first recovers the domain if an earlier process
 * was interrupted on it.
 */
export interface SnapshotService {
  readonly uri: string;
  /** Missing when the toolstack keeps its definitions elsewhere. */
  readonly registry?: DomainRegistry;
  /** The disk backends that can be chosen, by their ids; none for a simulation. */
  readonly backends: readonly Pick<BackendProfile, "id" | "summary">[];
  /** Whether memory can be saved while the guest goes on. */
  readonly savesMemoryLive: boolean;
  listDomains(): Promise<readonly Domain[]>;
  /** Definitions that cannot be read, and why: their domains are not listed. */
  listProblems(): Promise<readonly DefinitionProblem[]>;
  /** Throws `no-domain`. */
  findDomain(domain: string): Promise<Domain>;
  /** What a domain is known by, without asking whoever runs it. Throws `no-domain`. */
  identify(domain: string): Promise<DomainName>;
  /** As `findDomain`, within a second also where a hypervisor hangs; see `Toolstack.glance`. */
  glance(domain: string): Promise<Domain>;
  /** Takes a snapshot, or with the flag `redefine` records one that exists (no image is touched). */
  create(
    domain: string,
    document: string,
    flags: CreateFlags,
    options?: CreateOptions,
  ): Promise<CreateResult>;
  list(domain: string, query?: ListQuery): Promise<SnapshotListing>;
  /** Throws `no-domain-snapshot`. */
  get(domain: string, name: string): Promise<DomainSnapshot>;
  /** Where the records of a domain are kept, which need not exist; missing without files. */
  snapshotFolder(domain: string): Promise<string | undefined>;
  /** The record as libvirt prints it. */
  getXml(domain: string, name: string, options?: { readonly secure?: boolean }): Promise<string>;
  info(domain: string, name: string): Promise<SnapshotInfo>;
  /** Name of the current snapshot. Throws `no-domain-snapshot` when there is none. */
  current(domain: string): Promise<string>;
  /** Name of the parent. Throws `no-domain-snapshot` for a root. */
  parent(domain: string, name: string): Promise<string>;
  delete(
    domain: string,
    name: string,
    flags: DeleteFlags,
    options?: ChangeOptions,
  ): Promise<ChangeResult>;
  revert(
    domain: string,
    name: string,
    flags: RevertFlags,
    options?: RevertOptions,
  ): Promise<RevertResult>;
  /**
   * Compares records, images and the toolstack, of one domain or of all, and changes nothing; an
   * interrupted change is a finding. A domain without findings has a report, too.
   */
  check(domain?: string, options?: CheckOptions): Promise<readonly CheckReport[]>;
  /** Repairs those findings that are still there, and reports what is left. */
  repair(
    domain: string,
    findings: readonly Finding[],
    options?: ChangeOptions,
  ): Promise<CheckReport>;
  /**
   * Deletes labelled snapshots that no rule of the policy keeps, each by a delete of its own. One
   * that cannot be deleted stays and is told. Throws `invalid-argument` for a policy that keeps
   * nothing.
   */
  prune(domain: string, request: PruneRequest, options?: ChangeOptions): Promise<PruneResult>;
  /**
   * Settles what interrupted processes left, of one domain or of all. One that cannot be settled is
   * told in its `error` and keeps its journal. Waits for a process that is still at work; see
   * `RecoverOptions` for programs that one has left.
   */
  recover(domain?: string, options?: RecoverOptions): Promise<readonly Recovery[]>;
  /**
   * Gives up an interrupted change without settling it, readable or not: its journal is kept where
   * nobody reads it, and images, records and files stay as they are. A dry run tells what that would
   * leave behind. The domain may be named by the uuid that the journal has. Throws
   * `operation-invalid` when nothing was interrupted.
   */
  abandon(domain: string, options?: ChangeOptions): Promise<Abandonment>;
  /** The domains that are being changed, and those whose last change was interrupted. */
  locks(): Promise<readonly LockInfo[]>;
  /**
   * Removes a domain's definition. Throws `operation-invalid` while it has snapshots, unless their
   * records are to go too; `no-support` where definitions are kept elsewhere. No image is touched.
   */
  undefine(domain: string, options?: UndefineOptions): Promise<ChangeResult>;
  /**
   * Writes the snapshots of a domain into a folder, for others to read. Repeatable: files that are
   * there with the same content stay, any other content is an error.
   */
  export(domain: string, request: ExportRequest, options?: ChangeOptions): Promise<ExportResult>;
  /**
   * Records the snapshots that a foreign source holds; images are looked at and never changed.
   * All or nothing; importing again changes nothing.
   */
  import(request: ImportRequest, options?: ChangeOptions): Promise<ImportResult>;
  /**
   * Switches a domain on or off, or pauses it, as virsh's verbs of these names. Gives the domain as
   * it is then. Throws `operation-invalid` with libvirt's text when its state does not fit,
   * `no-support` where the toolstack does not run domains.
   */
  switchPower(domain: string, action: PowerAction, options?: ChangeOptions): Promise<Domain>;
  diskCapabilities(domain: string): Promise<readonly DiskCapabilities[]>;
  close(): Promise<void>;
}
