import { resolve } from "node:path";

import { isActive, isEmptyDrive, type DiskSnapshot, type Domain } from "../core/model/index.js";
import type { ParsedSnapshot } from "../core/ports/index.js";
import type { SnapshotWish } from "./snapshot-config.js";
import { diskSnapshotOf } from "./snapshot-conversion.js";

/**
 * A wish as a libvirt document asks for it; names of files are relative to `folder`. With memory all disks of the domain are taken, as memory
 * fits to nothing but the disks of its moment; without it a list of disks is complete, and the
 * others take no part.
 */
export function requestOfWish(
  wish: SnapshotWish,
  domain: Pick<Domain, "state" | "definition">,
  folder: string,
): ParsedSnapshot {
  const { name, description, memory } = wish;
  return {
    ...(name !== undefined && { name }),
    ...(description !== undefined && { description }),
    creationTime: 0n,
    ...(typeof memory === "string" && {
      memory: { mode: "external", file: resolve(folder, memory) },
    }),
    disks: [...namedDisks(wish, folder), ...otherDisks(wish, domain)],
  };
}

/** Whether the guest's memory is to be captured, as far as the wish decides it. */
export function wantsMemory(
  { memory }: Pick<SnapshotWish, "memory">,
  domain: Pick<Domain, "state">,
): boolean {
  return isActive(domain) && memory !== false;
}

/**
 * Whether memory that is captured goes to a file of its own though the wish names none: it does when
 * disks go to files, and to be saved live.
 */
export function needsMemoryFile(wish: SnapshotWish, domain: Pick<Domain, "state">): boolean {
  if (typeof wish.memory === "string" || !wantsMemory(wish, domain)) return false;
  const disksInFiles = wish.disks.some(({ file }) => file !== undefined);
  return disksInFiles || wish.type === "external" || wish.live === true;
}

/** A file for a disk that is to stay internal is told, so that the request is refused with it. */
function namedDisks({ disks, type }: SnapshotWish, folder: string): DiskSnapshot[] {
  return disks.map((disk) => {
    const asked = diskSnapshotOf(disk, type, (file) => resolve(folder, file));
    const isRefused = asked.mode === "internal" && disk.file !== undefined;
    return isRefused ? { ...asked, source: { path: resolve(folder, disk.file) } } : asked;
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
