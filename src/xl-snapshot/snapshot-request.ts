import {
  isActive,
  isEmptyDrive,
  type DiskSnapshot,
  type Domain,
  type MemorySnapshot,
} from "../core/model/index.js";
import type { ParsedSnapshot } from "../core/ports/index.js";
import type { SnapshotWish } from "./snapshot-config.js";
import { diskSnapshotOf } from "./snapshot-conversion.js";

export interface RequestOptions {
  /** Makes a file name absolute. */
  readonly resolve: (file: string) => string;
  /** Where memory goes that needs a file of its own and was given none; absolute. */
  readonly memoryFile: () => string;
}

/**
 * A wish as a libvirt document asks for it. With memory all disks of the domain are taken, as memory
 * fits to nothing but the disks of its moment; without it a list of disks is complete, and the
 * others take no part. Memory of an active domain goes to a file of its own when that is named, when
 * disks go to files, and to be saved live.
 */
export function requestOfWish(
  wish: SnapshotWish,
  domain: Pick<Domain, "state" | "definition">,
  options: RequestOptions,
): ParsedSnapshot {
  const { name, description } = wish;
  const memory = memoryOf(wish, domain, options);
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    creationTime: 0n,
    ...(memory && { memory }),
    disks: [...namedDisks(wish, options), ...otherDisks(wish, domain)],
  };
}

/** Whether the guest's memory is to be captured, as far as the wish decides it. */
export function wantsMemory(
  { memory }: Pick<SnapshotWish, "memory">,
  domain: Pick<Domain, "state">,
): boolean {
  return isActive(domain) && memory !== false;
}

/** Whether memory that is captured goes to a file of its own though the wish names none. */
export function needsMemoryFile(wish: SnapshotWish, domain: Pick<Domain, "state">): boolean {
  if (typeof wish.memory === "string" || !wantsMemory(wish, domain)) return false;
  const disksInFiles = wish.disks.some(({ file }) => file !== undefined);
  return disksInFiles || wish.type === "external" || wish.live === true;
}

function memoryOf(
  wish: SnapshotWish,
  domain: Pick<Domain, "state">,
  { resolve, memoryFile }: RequestOptions,
): MemorySnapshot | undefined {
  if (typeof wish.memory === "string") return { mode: "external", file: resolve(wish.memory) };
  return needsMemoryFile(wish, domain) ? { mode: "external", file: memoryFile() } : undefined;
}

/** A file for a disk that is to stay internal is told, so that the request is refused with it. */
function namedDisks({ disks, type }: SnapshotWish, { resolve }: RequestOptions): DiskSnapshot[] {
  return disks.map((disk) => {
    const asked = diskSnapshotOf(disk, type, resolve);
    const isRefused = asked.mode === "internal" && disk.file !== undefined;
    return isRefused ? { ...asked, source: { path: resolve(disk.file) } } : asked;
  });
}

function otherDisks(
  wish: SnapshotWish,
  { state, definition }: Pick<Domain, "state" | "definition">,
): DiskSnapshot[] {
  const named = new Set(wish.disks.map(({ device }) => device));
  const complete = named.size > 0 && !wantsMemory(wish, { state });
  const mode = complete ? "no" : wish.type;
  if (mode === undefined) return [];
  return definition.disks
    .filter((disk) => !named.has(disk.target) && disk.snapshot === undefined && !isEmptyDrive(disk))
    .map(({ target }) => ({ name: target, type: "file", mode }));
}
