import type { Identity } from "../../core/ports/index.js";

/** An opened file of a chain. Positioned access only; nothing here keeps a position. */
export interface ImageFile {
  readonly path: string;
  sizeBytes(): Promise<number>;
  /** Fills `buffer` from `offset`; what lies behind the end of the file reads as zeroes. */
  read(buffer: Buffer, offset: number): Promise<void>;
  write(buffer: Buffer, offset: number): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What a file is, links followed. */
export interface FileIdentity {
  /** Equal for two names of one file, and told by the evidence of a plan. */
  readonly id: Identity;
  readonly kind: "file" | "block" | "other";
  readonly sizeBytes: number;
  readonly changedMs: number;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/**
 * All that the VHD library does to files, in one place so that a test can stop it at any step.
 * Changes of names are durable when they return. Every call throws `system-error`, `no-space`.
 */
export interface ImageFiles {
  open(path: string, access: "read" | "write"): Promise<ImageFile>;
  /** Creates a file that must not exist yet, with owner and mode of another. */
  create(path: string, like: FileIdentity): Promise<ImageFile>;
  /** Undefined for a name that leads nowhere. */
  identify(path: string): Promise<FileIdentity | undefined>;
  /** The absolute path without links; the path itself if it leads nowhere. */
  realPath(path: string): Promise<string>;
  /** Gives a file a second name; false where the file system has no hard links. */
  link(path: string, name: string): Promise<boolean>;
  /** Permission bits. */
  setMode(path: string, mode: number): Promise<void>;
  /** Gives `file` all that says who may use `replaced`: owner, mode, lists and other attributes. */
  keepAttributes(replaced: string, file: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Does nothing if the file is not there. */
  unlink(path: string): Promise<void>;
}
