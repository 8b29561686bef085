/** How the bytes of a disk are reached: `disk/@type` of libvirt's domain XML. */
export const STORAGE_TYPES = [
  "file",
  "block",
  "dir",
  "network",
  "volume",
  "nvme",
  "vhostuser",
  "vhostvdpa",
] as const;
/** How the bytes of a disk are reached; see `STORAGE_TYPES`. */
export type StorageType = (typeof STORAGE_TYPES)[number];

/** Image formats of libvirt's `driver/@type`, in libvirt's order and without its `none`. */
export const IMAGE_FORMATS = [
  "raw",
  "dir",
  "bochs",
  "cloop",
  "dmg",
  "iso",
  "vpc",
  "vdi",
  "fat",
  "vhd",
  "ploop",
  "cow",
  "qcow",
  "qcow2",
  "qed",
  "vmdk",
] as const;
/** The format of an image; see `IMAGE_FORMATS`. */
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/**
 * Where an image is. `path` is the one string that identifies it: a file, a block device, or the
 * name inside a network protocol. `xml` is the complete `<source>` element in libvirt's layout for
 * sources that a path alone cannot describe (network hosts, labels, secrets); without it the
 * writer builds the element from the storage type and the path.
 */
export interface DiskSource {
  readonly path?: string;
  readonly protocol?: string;
  readonly xml?: string;
}

/** One image file or device with the format that it must be opened with; never probed. */
export interface ImageRef {
  /** Absolute path. */
  readonly path: string;
  readonly type: "file" | "block";
  readonly format: ImageFormat;
}
