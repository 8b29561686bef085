/**
 * libvirt's flag bits (virDomainSnapshot{Create,Delete,Revert,List}Flags), by their names here.
 * Commands and the RPC of a daemon speak in these sets; the rules check them.
 */
export const CREATE_FLAGS = {
  redefine: 0x1,
  current: 0x2,
  noMetadata: 0x4,
  halt: 0x8,
  diskOnly: 0x10,
  reuseExternal: 0x20,
  quiesce: 0x40,
  atomic: 0x80,
  live: 0x100,
  validate: 0x200,
} as const;
/** What a caller may say when a snapshot is taken; the names of `CREATE_FLAGS`. */
export type CreateFlag = keyof typeof CREATE_FLAGS;

/**
 * Whether the guest's agent freezes the file systems for a snapshot of disks: it has to (the flag
 * `quiesce`), it should if it can, or not.
 */
export const QUIESCE_MODES = ["require", "try", "no"] as const;
/** Whether file systems are frozen for a snapshot; see `QUIESCE_MODES`. */
export type QuiesceMode = (typeof QUIESCE_MODES)[number];

/** libvirt's bits of what a deletion covers: descendants too, or the records only. */
export const DELETE_FLAGS = { children: 0x1, metadataOnly: 0x2, childrenOnly: 0x4 } as const;
/** What a caller may say when a snapshot is deleted. */
export type DeleteFlag = keyof typeof DELETE_FLAGS;

/** libvirt's bits of how a domain is to be after a revert, and whether risks are accepted. */
export const REVERT_FLAGS = { running: 0x1, paused: 0x2, force: 0x4, resetNvram: 0x8 } as const;
/** What a caller may say when a domain goes back. */
export type RevertFlag = keyof typeof REVERT_FLAGS;

/** libvirt's bits of which snapshots a list has, and in which order. */
export const LIST_FLAGS = {
  /** Roots only, for a list of the domain. */
  roots: 0x1,
  metadata: 0x2,
  leaves: 0x4,
  noLeaves: 0x8,
  noMetadata: 0x10,
  inactive: 0x20,
  active: 0x40,
  diskOnly: 0x80,
  internal: 0x100,
  external: 0x200,
  topological: 0x400,
} as const;
/** What a caller may say when snapshots are listed. */
export type ListFlag = keyof typeof LIST_FLAGS;

/** A set of flags; absent means false. */
export type Flags<Name extends string> = Readonly<Partial<Record<Name, boolean>>>;

/** What a caller who speaks in bits has set beside the flags that there are; the rules refuse it. */
export interface UnknownBits {
  readonly unknownBits?: number;
}

/** How a snapshot is to be taken, or redefined. */
export type CreateFlags = Flags<CreateFlag>;
/** How a snapshot is to be deleted. */
export type DeleteFlags = Flags<DeleteFlag>;
/** How a domain is to go back. */
export type RevertFlags = Flags<RevertFlag>;
/** Which snapshots to list. */
export type ListFlags = Flags<ListFlag>;

/** The set that a number has, by one of the tables above. */
export function flagsOfBits<Name extends string>(
  table: Readonly<Record<Name, number>>,
  bits: number,
): Flags<Name> & UnknownBits {
  const names = (Object.keys(table) as Name[]).filter((name) => (bits & table[name]) !== 0);
  const known = names.reduce((sum, name) => sum | table[name], 0);
  // As an unsigned number: bit 31 is a bit like the others.
  const unknownBits = (bits & ~known) >>> 0;
  const set = Object.fromEntries(names.map((name) => [name, true])) as Record<Name, boolean>;
  return { ...set, ...(unknownBits !== 0 && { unknownBits }) };
}
