import { DomsnapError } from "../errors/index.js";
import { tagOf, type DomainSnapshot, type StartMemory } from "../model/index.js";
import type { MemoryFormat, MemoryLook } from "../ports/index.js";
import { valueOf, type Answer, type Locator } from "./answer.js";
import { imageOf } from "./disk-images.js";

/** What stands at the files of saved memory; undefined where nothing does. */
export type MemoryLooks = ReadonlyMap<Locator, Answer<MemoryLook | undefined>>;

/** What is known of the memory that a guest is to go on from. */
export interface MemoryFacts {
  readonly looks: MemoryLooks;
  /** What the toolstack can restore; missing where it tells by itself. */
  readonly restores?: readonly MemoryFormat[];
}

/**
 * What a guest goes on from. Throws `image-missing` when the memory is gone, `memory-foreign` when
 * the file is something else, `config-unsupported` when another hypervisor has saved it, and the
 * reason why it could not be looked at.
 */
export function startMemory(
  snapshot: DomainSnapshot,
  { looks, restores }: MemoryFacts,
): StartMemory {
  const { name, memory, disks, domain } = snapshot;
  if (memory?.mode === "external") {
    const file = memory.file ?? "";
    const look = valueOf(looks.get(file), file);
    if (!look)
      throw new DomsnapError(
        "image-missing",
        `the memory of snapshot '${name}' is gone: '${file}'`,
        { hint: "Bring the file back, or revert to a snapshot without memory." },
      );
    if (look.format === undefined)
      throw foreignMemory(
        `the memory of snapshot '${name}' would be restored from '${file}', which looks like ${look.looksLike}`,
        "Bring the file with the memory back, or revert to a snapshot without memory.",
      );
    if (restores?.includes(look.format) === false)
      throw new DomsnapError(
        "config-unsupported",
        `the memory of snapshot '${name}' cannot be restored here: '${file}' is ${look.looksLike}`,
        { hint: "Use what has saved it, or a snapshot without memory." },
      );
    return { mode: "external", file };
  }
  const internal = disks.filter(({ mode }) => mode === "internal");
  return {
    mode: "internal",
    snapshot: tagOf(snapshot),
    disks: internal.flatMap((disk) => {
      const image = imageOf(domain, disk.name);
      return image ? [{ target: disk.name, image }] : [];
    }),
  };
}

/**
 * Throws `memory-foreign` unless a file may be removed as a snapshot's memory: it is one, or gone.
 * Throws the reason where it could not be looked at, which is not the same as gone.
 */
export function assertRemovableMemory(file: Locator, looks: MemoryLooks): void {
  const look = valueOf(looks.get(file), file);
  if (!look || look.format !== undefined) return;
  throw foreignMemory(
    `'${file}' would be removed as saved memory, and looks like ${look.looksLike}`,
    "Look at it: a document has named it, or somebody has put it there.",
  );
}

/**
 * Throws `memory-foreign` where a document names a file as saved memory that is none. One that is not
 * there may be brought later: whoever restores or removes it looks again.
 */
export function assertTakenMemory(file: Locator, look: MemoryLook | undefined): void {
  if (!look || look.format !== undefined) return;
  throw new DomsnapError(
    "memory-foreign",
    `the document names '${file}' as saved memory, and it looks like ${look.looksLike}`,
    { hint: "Correct the path in the document, or leave the memory out." },
  );
}

function foreignMemory(detail: string, remedy: string): DomsnapError {
  return new DomsnapError("memory-foreign", detail, {
    hint: `${remedy} 'snapshot-delete --metadata' gives up the record alone and leaves the file; --trust-folder makes no difference.`,
  });
}
