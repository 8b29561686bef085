import type { Demand } from "../model/index.js";
import type { Identified } from "./evidence.js";

/** What stands at a path, links followed. */
export type FileFact =
  /** `isStorage`: the name is one of a `StateStorage`, which makes what is to stand there itself. */
  | { readonly kind: "absent"; readonly isStorage?: true }
  | { readonly kind: "regular"; readonly sizeBytes: number }
  | { readonly kind: "block" }
  /** What a `StateStorage` keeps under this name. */
  | { readonly kind: "stored" }
  | { readonly kind: "other" }
  /** stat failed for another reason; `reason` is strerror's text. */
  /** `isImpossible`: there is no file, and with this path there cannot be one. */
  | { readonly kind: "unknown"; readonly reason: string; readonly isImpossible?: boolean };

/** Asks the host what stands at a path. Synchronous: the rules and `xml check` are. */
export type FileProbe = (path: string) => FileFact;
export const FileProbe = Symbol.for("domsnap.FileProbe");

/** A directory entry itself: links are not followed. */
export interface HostFile {
  readonly path: string;
  readonly kind: "regular" | "folder" | "link" | "other";
  /** Permission bits. */
  readonly mode: number;
  readonly sizeBytes: number;
}

/** Files as such, for `check`. Every call throws `system-error`. */
export interface HostFiles {
  look(path: string): Promise<HostFile | undefined>;
  /**
   * What a name leads to: the entry itself, and the file behind it if it is a link. Nothing for
   * what is not there, and for what is neither a file nor a link.
   */
  identify(path: string): Promise<readonly Identified[]>;
  /**
   * What a name leads to, links followed, as one string that is equal for all names of the same
   * thing: a file by its inode, a device by its number. Undefined where nothing is there. Throws
   * `system-error` where that cannot be told, which is not the same.
   */
  thing(path: string): Promise<string | undefined>;
  /**
   * The folders in which a name and what it leads to really are, all links resolved; of those that
   * are there. Throws `system-error`.
   */
  foldersOf(path: string): Promise<readonly string[]>;
  /** Everything in a folder, not below; nothing for a folder that is not there. */
  list(folder: string): Promise<readonly HostFile[]>;
  /**
   * Throws unless all of this could be done as things stand, with the reason (`system-error`,
   * `no-space`). Changes nothing; what is not there is no reason.
   */
  assertUsable(demands: readonly Demand[]): Promise<void>;
  /** Takes the permissions of group and others away. Follows no link. */
  restrict(path: string): Promise<void>;
  /** Removes a file; one that is gone is no error. */
  remove(path: string): Promise<void>;
}
export const HostFiles = Symbol.for("domsnap.HostFiles");
