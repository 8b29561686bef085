/** Who wrote a file with a guest's memory: QEMU, libvirt's QEMU or Xen driver, xl, or libxl. */
export type MemoryFormat = "qemu" | "libvirt" | "libvirt-xen" | "xl" | "libxl";

/** What a file begins like. */
export interface MemoryLook {
  /** Missing for what is no guest's memory. */
  readonly format?: MemoryFormat;
  /** With an article: `a qcow2 image`. */
  readonly looksLike: string;
}

/**
 * Looks at the head of what a document or a record names as a guest's memory: it may be any file of
 * the host. Undefined where nothing is there. Throws `system-error` where it cannot be read.
 */
export type LookAtMemory = (path: string) => Promise<MemoryLook | undefined>;
