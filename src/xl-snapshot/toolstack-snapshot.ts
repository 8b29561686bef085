import type { ImageFormat } from "../core/model/index.js";

/** One disk of a snapshot as the toolstack proposals (Xen, 2014) describe it. */
export interface ToolstackDiskSnapshot {
  /** Guest name: `hda`, `xvda`. */
  readonly device: string;
  /** External only: the file that changes go to from then on. May be relative. */
  readonly file?: string;
  readonly format?: ImageFormat;
  /** Missing: that of the whole snapshot. */
  readonly type?: "internal" | "external";
}

/** What the guest did when the snapshot was taken; the five letters of `xl list`. */
export interface ToolstackState {
  readonly running?: boolean;
  readonly blocked?: boolean;
  readonly paused?: boolean;
  readonly shutdown?: boolean;
  readonly dying?: boolean;
}

/**
 * A snapshot as the proposals for the toolstack and their prototype keep it: no parent, no
 * definition of the domain.
 */
export interface ToolstackSnapshot {
  readonly name: string;
  readonly description?: string;
  /** Seconds since the epoch. */
  readonly creationTime: bigint;
  /** The saved memory; may be relative to the folder of the domain's snapshots. */
  readonly memoryFile?: string;
  readonly type?: "internal" | "external";
  readonly live?: boolean;
  readonly diskOnly?: boolean;
  readonly state?: ToolstackState;
  readonly disks: readonly ToolstackDiskSnapshot[];
}
