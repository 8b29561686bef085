import type {
  DiskSource,
  DomainDefinition,
  DomainSnapshot,
  ImageFormat,
  StorageType,
} from "../model/index.js";

/** What is known of a document before it is read. */
export interface ParseSnapshotOptions {
  /** The document describes a snapshot that exists already. */
  readonly redefine?: boolean;
  /** New snapshots only: the domain is off, or only disks are wanted, so no memory is possible. */
  readonly offline?: boolean;
  /** Check against libvirt's schema as well. */
  readonly validate?: boolean;
  /** Of existing snapshots: keep elements that are not known, for who writes the document again. */
  readonly keepUnknown?: boolean;
}

/** A document as parsed: a new snapshot may still lack its name; `creationTime` is 0 for it. */
export type ParsedSnapshot = Omit<DomainSnapshot, "name"> & { readonly name?: string };

/** Where a disk of a definition is to point: an overlay, or the image below. */
export interface DiskRelocation {
  readonly target: string;
  readonly type: StorageType;
  readonly source: DiskSource;
  readonly format: ImageFormat;
  /** Of the new image; the cache limit of the old one does not carry over. */
  readonly metadataCacheMaxBytes?: bigint;
}

/** Text ⇄ model, implemented by `src/xml`; pure and synchronous. */
export interface SnapshotDocuments {
  /** Throws libvirt's error classes and texts: `xml-detail`, `xml-error`, `config-unsupported`. */
  parseSnapshot(text: string, options?: ParseSnapshotOptions): ParsedSnapshot;
  /**
   * libvirt's layout with a final newline; `secure` keeps passwords, `unknown` the elements of a record
   * that are not known.
   */
  formatSnapshot(
    snapshot: DomainSnapshot,
    options?: { readonly secure?: boolean; readonly unknown?: boolean },
  ): string;
  parseDomain(text: string): DomainDefinition;
  /** The definition with other sources (and formats) for some disks; the rest untouched. */
  relocateDisks(
    definition: DomainDefinition,
    relocations: readonly DiskRelocation[],
  ): DomainDefinition;
  /** A QEMU guest's definition as one of Xen, with other target names for its disks. */
  asXenDomain(definition: DomainDefinition, targets: ReadonlyMap<string, string>): DomainDefinition;
  /** The definition under another domain name. */
  renameDomain(definition: DomainDefinition, name: string): DomainDefinition;
}
export const SnapshotDocuments = Symbol.for("domsnap.SnapshotDocuments");
