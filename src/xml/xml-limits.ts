/** What a document may cost before it is refused; nothing is allocated in proportion beyond it. */
export interface XmlLimits {
  /** Size of the text in UTF-16 units, or of the input in bytes. */
  readonly maxSize: number;
  /** How deep elements may nest. */
  readonly maxDepth: number;
  /** Elements and attributes together. */
  readonly maxNodes: number;
}

/**
 * A complete snapshot holds up to two definitions, each of which may be as large as a document of
 * its own, and is indented once more.
 */
export const COMPLETE_SNAPSHOT_LIMITS: Partial<XmlLimits> = {
  maxSize: 32 * 1024 * 1024,
  maxNodes: 500_000,
};

/** 10 MiB as virsh, 256 levels as libxml2; 200,000 nodes hold a domain of some 8,000 disks. */
export const DEFAULT_XML_LIMITS: XmlLimits = {
  maxSize: 10 * 1024 * 1024,
  maxDepth: 256,
  maxNodes: 200_000,
};
