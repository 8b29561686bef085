import type {
  DiskSnapshot,
  DomainSnapshot,
  SnapshotHead,
  SnapshotState,
} from "../core/model/index.js";
import type {
  ToolstackDiskSnapshot,
  ToolstackSnapshot,
  ToolstackState,
} from "./toolstack-snapshot.js";

export interface FromToolstackOptions {
  /** Makes a file name of the snapshot absolute. */
  readonly resolve: (file: string) => string;
}

/**
 * A toolstack's snapshot as libvirt describes one. It has no parent and no definition: the formats
 * hold neither. Saved memory makes it a full system snapshot, else its disks alone are kept.
 */
export function fromToolstackSnapshot(
  snapshot: ToolstackSnapshot,
  { resolve }: FromToolstackOptions,
): DomainSnapshot {
  const { name, description, creationTime, memoryFile, type, disks } = snapshot;
  return {
    name,
    ...(description !== undefined && { description }),
    state: stateOf(snapshot),
    creationTime,
    memory:
      memoryFile === undefined ? { mode: "no" } : { mode: "external", file: resolve(memoryFile) },
    disks: disks.map((disk) => diskSnapshotOf(disk, type, resolve)),
  };
}

export interface ToToolstackOptions {
  /** The file of memory that is kept where the toolstack likes; missing where an image holds it. */
  readonly internalMemory?: (name: string) => string;
  /** What a file is called in the description. Default: its absolute path. */
  readonly shorten?: (file: string) => string;
}

/** The reverse. Disks that take no part are left out; so are parent and definition. */
export function toToolstackSnapshot(
  snapshot: SnapshotHead,
  { internalMemory, shorten = (file) => file }: ToToolstackOptions = {},
): ToolstackSnapshot {
  const { name, description, creationTime, memory, state } = snapshot;
  const disks = snapshot.disks.filter(({ mode }) => mode === "internal" || mode === "external");
  const type = disks.some(({ mode }) => mode === "external") ? "external" : "internal";
  const toolstackState = STATES[state ?? "nostate"];
  const memoryFile = memory?.mode === "internal" ? internalMemory?.(name) : memory?.file;
  return {
    name,
    ...(description !== undefined && { description }),
    creationTime,
    ...(memoryFile !== undefined && { memoryFile: shorten(memoryFile) }),
    type,
    live: false,
    diskOnly: memoryFile === undefined && state !== "shutoff",
    ...(toolstackState && { state: toolstackState }),
    disks: disks.map((disk) => toolstackDiskOf(disk, type, shorten)),
  };
}

const STATES: Partial<Readonly<Record<SnapshotState, ToolstackState>>> = {
  running: { running: true },
  blocked: { blocked: true },
  paused: { paused: true },
  shutdown: { shutdown: true },
  crashed: { shutdown: true },
};

/** A paused guest that waits for its saved memory goes on paused. */
function stateOf({ memoryFile, diskOnly, state = {} }: ToolstackSnapshot): SnapshotState {
  if (memoryFile !== undefined) return state.paused ? "paused" : "running";
  const wasActive = diskOnly ?? Object.values(state).some((on) => on === true);
  return wasActive ? "disk-snapshot" : "shutoff";
}

/**
 * A disk's part as libvirt describes it. `usual` is the type of the whole snapshot; without it a
 * disk with a file is external, one without internal.
 */
export function diskSnapshotOf(
  { device, file, format, type }: ToolstackDiskSnapshot,
  usual: ToolstackSnapshot["type"],
  resolve: FromToolstackOptions["resolve"],
): DiskSnapshot {
  const mode = type ?? usual ?? (file === undefined ? "internal" : "external");
  if (mode === "internal" || file === undefined) return { name: device, type: "file", mode };
  return {
    name: device,
    type: file.startsWith("/dev/") ? "block" : "file",
    mode,
    ...(format && { format }),
    source: { path: resolve(file) },
  };
}

function toolstackDiskOf(
  { name: device, mode, format, source }: DiskSnapshot,
  usual: "internal" | "external",
  shorten: (file: string) => string,
): ToolstackDiskSnapshot {
  if (mode === "internal") return { device, ...(usual !== mode && { type: mode }) };
  return {
    device,
    ...(source?.path !== undefined && { file: shorten(source.path) }),
    ...(format && { format }),
  };
}
