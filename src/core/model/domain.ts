import type { SnapshotMode } from "./snapshot-mode.js";
import type { DiskSource, ImageFormat, ImageRef, StorageType } from "./storage.js";

/** libvirt's domain states. */
export type DomainState =
  "nostate" | "running" | "blocked" | "paused" | "shutdown" | "shutoff" | "crashed" | "pmsuspended";

/** A disk or drive of a domain: `<disk>` below `<devices>`. */
export interface DomainDisk {
  /** Guest name, `target/@dev`: `vda`, `xvda`, `hdc`. Unique within a domain. */
  readonly target: string;
  /** `target/@bus` */
  readonly bus?: string;
  readonly device: "disk" | "cdrom" | "floppy" | "lun";
  readonly type: StorageType;
  /** `driver/@name`: qemu, tap, tap2, file, phy. Part of what decides the disk backend. */
  readonly driverName?: string;
  /** `driver/@type`. */
  readonly format?: ImageFormat;
  /** Missing for an empty drive. */
  readonly source?: DiskSource;
  /** `<readonly/>`, and every cdrom. */
  readonly readonly: boolean;
  readonly shareable: boolean;
  readonly transient: boolean;
  /** Whether the host encrypts it, or an image below it: an `<encryption>` anywhere in the disk. */
  readonly encrypted?: true;
  /**
   * The disk's own wish: its `snapshot` attribute, or `no` where libvirt derives that (read-only
   * and vhost-user disks). Missing means libvirt's "default".
   */
  readonly snapshot?: SnapshotMode;
}

/**
 * A `<domain>` document. `xml` is the truth: the whole element in libvirt's layout, not indented,
 * without a final newline. The other fields are a typed view of the part that snapshots need.
 */
export interface DomainDefinition {
  /** `domain/@type`: xen, qemu, kvm, test. */
  readonly type: string;
  readonly name: string;
  /** Lower case with dashes. */
  readonly uuid: string;
  /** `os/type`: linux, xen, xenpvh, hvm, exe. */
  readonly osType?: string;
  readonly memoryKib: bigint;
  /** Whether the firmware is on pflash (`os/loader/@type` or `os/@firmware='efi'`). */
  readonly pflashFirmware: boolean;
  readonly disks: readonly DomainDisk[];
  readonly xml: string;
}

/** A domain as its toolstack finds it at this moment. */
export interface Domain {
  readonly name: string;
  readonly uuid: string;
  /** The hypervisor's number; missing while the domain is not active. */
  readonly id?: number;
  readonly state: DomainState;
  /** Whether a definition stays when the domain stops. */
  readonly persistent: boolean;
  /** The live definition, or the only one. */
  readonly definition: DomainDefinition;
  /** The next-boot definition of an active persistent domain. */
  readonly inactiveDefinition?: DomainDefinition;
}

/** What a domain is known by. */
export type DomainName = Pick<Domain, "name" | "uuid">;

/** Active means that a hypervisor holds the domain, running or not. */
export function isActive(domain: Pick<Domain, "state">): boolean {
  return domain.state !== "shutoff" && domain.state !== "nostate";
}

/**
 * An empty drive, as libvirt sees it: a local disk without a source path, or a network source
 * without a protocol. It holds no data, so there is nothing to snapshot.
 */
export function isEmptyDrive(disk: DomainDisk): boolean {
  if (disk.type === "network") return disk.source?.protocol === undefined;
  if (disk.type === "file" || disk.type === "block" || disk.type === "dir")
    return disk.source?.path === undefined;
  return false;
}

/**
 * The local image that a disk uses, with the format it must be opened with (libvirt's default is
 * raw). Missing for empty drives and for disks that are not a file or a block device.
 */
export function imageOfDisk(disk: DomainDisk | undefined): ImageRef | undefined {
  const path = disk?.source?.path;
  if (!disk || path === undefined || (disk.type !== "file" && disk.type !== "block"))
    return undefined;
  return { path, type: disk.type, format: disk.format ?? "raw" };
}
