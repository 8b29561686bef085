export const XL_DISK_FORMATS = ["raw", "qcow", "qcow2", "vhd", "empty", "qed"] as const;
export type XlDiskFormat = (typeof XL_DISK_FORMATS)[number];

export const XL_BACKENDS = ["phy", "tap", "qdisk", "standalone"] as const;
export type XlBackend = (typeof XL_BACKENDS)[number];

/** What one element of `disk = [...]` says (xl-disk-configuration(5)). */
export interface XlDisk {
  /** The image; missing or empty for an empty drive. */
  readonly target?: string;
  readonly vdev: string;
  readonly format: XlDiskFormat;
  /** Missing leaves the choice to the toolstack. */
  readonly backendType?: XlBackend;
  readonly writable: boolean;
  readonly cdrom: boolean;
  readonly removable: boolean;
  readonly script?: string;
  /** Name of the driver domain that serves the disk. */
  readonly backendDomain?: string;
  readonly discard?: boolean;
  readonly directIoSafe?: boolean;
  readonly specification?: "xen" | "virtio";
  /** Further parameters, carried through: replication, `trusted`, `grant_usage`. */
  readonly others?: Readonly<Record<string, string | boolean>>;
}
