import type { Domain, DomainSnapshot } from "../model/index.js";
import type { OperationProgress } from "./operation-handler.js";

/** All snapshots of a domain as they are written out. */
export interface ExportTree {
  readonly domain: Domain;
  /** Parents before their children, the oldest first. */
  readonly snapshots: readonly DomainSnapshot[];
  readonly current?: string;
}

/** How far one of the files that an export copies got. */
export interface ExportProgress extends OperationProgress {
  /** Counts from 0. */
  readonly index: number;
  /** How many files there are. */
  readonly total: number;
  /** Reading the copy back takes about as long as writing it. */
  readonly step: "copy" | "checksum";
}

/** How an export is to be written, and who hears of it. */
export interface ExportOptions {
  /** Copy the images and saved memory, too. */
  readonly images: boolean;
  /** Write nothing, tell what would be. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  readonly progress: (progress: ExportProgress) => void;
}

/** What an export has written. */
export interface ExportedFiles {
  /** Absolute paths, in the order of writing. */
  readonly files: readonly string[];
  /** What the format cannot hold, a sentence each. */
  readonly warnings: readonly string[];
}

/** A way to write snapshots down for others: one a plugin, multi-injected. */
export interface ExportFormat {
  /** What `--to` calls it. */
  readonly id: string;
  readonly summary: string;
  readonly copiesImages: boolean;
  /**
   * Writes below `folder`, which may not exist yet. Repeatable: what is there with the same content
   * stays. Throws `image-conflict` for a file with other content, and `system-error`.
   */
  write(tree: ExportTree, folder: string, options: ExportOptions): Promise<ExportedFiles>;
}
export const ExportFormat = Symbol.for("domsnap.ExportFormat");
