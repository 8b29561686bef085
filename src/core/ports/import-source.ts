import type { Domain, DomainDefinition, DomainSnapshot } from "../model/index.js";
import type { RecordProblem } from "./snapshot-store.js";

/** One snapshot as a source describes it. */
export interface ImportItem {
  /** Where it was found, for people: a file, or what was asked. */
  readonly origin: string;
  readonly snapshot: DomainSnapshot;
  /** Whether the source calls it the current one. */
  readonly current?: boolean;
  /** What had to be changed or assumed to read it, a sentence each. */
  readonly notes?: readonly string[];
}

/** Everything that a source holds. What cannot be read hides nothing else. */
export interface ImportMaterial {
  readonly items: readonly ImportItem[];
  readonly problems: readonly RecordProblem[];
  /** Sentences about the source as a whole. */
  readonly warnings?: readonly string[];
  /** Which domain it is about, where the snapshots themselves do not tell. */
  readonly domainUuid?: string;
  /** Where the images are that the snapshots name by other paths. */
  readonly mappings?: readonly { readonly from: string; readonly to: string }[];
  /** The present definition of the domain, where the source has it. */
  readonly definition?: DomainDefinition;
}

/** Where existing snapshots are found: one kind a plugin, multi-injected. Changes nothing. */
export interface ImportSource {
  /** What `--from` calls it. */
  readonly id: string;
  readonly summary: string;
  /** Whether this text (a path, a URI, a word) names such a source. Cheap. */
  recognizes(source: string): Promise<boolean>;
  /**
   * Reads all of it. `domain` is the one that the snapshots are for, if the user told; `reference`
   * is what the user calls one that is not known here. Throws when the source as a whole cannot be
   * read, and `invalid-argument` when it needs a domain.
   */
  read(source: string, domain: Domain | undefined, reference?: string): Promise<ImportMaterial>;
}
export const ImportSource = Symbol.for("domsnap.ImportSource");
