import { join } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { domsnapRules, type CreateFlags, type Domain } from "../core/model/index.js";
import { defaultSnapshotName } from "../core/rules/snapshot-name.js";
import { decodeXmlBytes, formatSnapshot, parseSnapshot } from "../xml/index.js";
import type { SnapshotWish } from "./snapshot-config.js";
import { needsMemoryFile, requestOfWish, wantsMemory } from "./snapshot-request.js";

/** What the RFC's `snapshot-create` is told beside its ConfigFile. */
export interface WishOptions {
  readonly name?: string;
  readonly live?: boolean;
  readonly diskOnly?: boolean;
}

/** What a wish is measured by, beside its domain. */
export interface WishFacts {
  /** What names of files are relative to; absolute. */
  readonly folder: string;
  /** Whether the toolstack can save memory while the guest goes on. */
  readonly savesMemoryLive: boolean;
  /** Names of the domain's snapshots; not looked at when the wish has a name. */
  readonly existingNames: { has(name: string): boolean };
  readonly nowSeconds: bigint;
}

/** What is asked of the service: the same as by `snapshot-create`. */
export interface CreateRequest {
  readonly document: string;
  readonly flags: CreateFlags;
}

/** Whether a ConfigFile is XML: in xl's syntax nothing begins like this. */
export function isXmlConfig(bytes: Uint8Array): boolean {
  // The marks and the zero byte are those of UTF-8 and UTF-16.
  return /^(?:\xef\xbb\xbf|\xfe\xff|\xff\xfe)?[\0\s]*</.test(
    Buffer.from(bytes.subarray(0, 1024)).toString("latin1"),
  );
}

/**
 * A libvirt document in place of the ConfigFile, with the options beside it. Throws `usage` when
 * both name the snapshot differently, and what parsing throws.
 */
export function requestOfDocument(bytes: Uint8Array, options: WishOptions): CreateRequest {
  const text = decodeXmlBytes(bytes, "(domain_snapshot)");
  const { name, live, diskOnly } = options;
  const flags = { ...(live === true && { live }), ...(diskOnly === true && { diskOnly }) };
  if (name === undefined) return { document: text, flags };
  const parsed = parseSnapshot(text);
  assertSameName(name, parsed.name);
  return { document: formatSnapshot({ ...parsed, name }), flags };
}

/** The ConfigFile's wish and the options together. Throws `usage` where they contradict. */
export function withOptions(told: SnapshotWish, options: WishOptions): SnapshotWish {
  const { name, live, diskOnly } = options;
  if (name !== undefined) assertSameName(name, told.name);
  if (live === true && told.live === false)
    throw usage('--live contradicts live="no" of the ConfigFile; leave one out');
  if (diskOnly === true && told.memory !== undefined && told.memory !== false)
    throw usage("--disk-only contradicts the ConfigFile, which asks for memory");
  return {
    ...told,
    ...(name !== undefined && { name }),
    ...(live === true && { live }),
    ...(diskOnly === true && { memory: false }),
  };
}

/** Whether the wish asks for memory to be saved live where the toolstack cannot. */
export function asksLiveInVain(
  wish: SnapshotWish,
  domain: Pick<Domain, "state">,
  { savesMemoryLive }: Pick<WishFacts, "savesMemoryLive">,
): boolean {
  return wish.live === true && wantsMemory(wish, domain) && !savesMemoryLive;
}

/**
 * What to ask of the service for a wish. `live` is left out where it would be in vain: saving live
 * needs a file, and where it is not possible anyway nothing else has to change for it. Memory that
 * needs a file and was given none goes to `NAME.save` in the folder.
 */
export function createRequestOf(
  wish: SnapshotWish,
  domain: Pick<Domain, "state" | "definition">,
  facts: WishFacts,
): CreateRequest {
  const possible = asksLiveInVain(wish, domain, facts) ? { ...wish, live: false } : wish;
  const placed = needsMemoryFile(possible, domain) ? withMemoryFile(possible, facts) : possible;
  return {
    document: formatSnapshot(requestOfWish(placed, domain, facts.folder)),
    flags: {
      ...(placed.live === true && { live: true }),
      ...(placed.memory === false && { diskOnly: true }),
    },
  };
}

/** The file is called after the snapshot, so a name is chosen here that the service would choose. */
function withMemoryFile(wish: SnapshotWish, facts: WishFacts): SnapshotWish {
  const { nowSeconds, existingNames, folder } = facts;
  const name = wish.name ?? defaultSnapshotName(nowSeconds, existingNames, domsnapRules);
  return { ...wish, name, memory: join(folder, `${name}.save`) };
}

function assertSameName(option: string, told: string | undefined): void {
  if (told === undefined || told === option) return;
  throw usage(`the ConfigFile names the snapshot '${told}', and -n names it '${option}'`);
}

function usage(message: string): DomsnapError {
  return new DomsnapError("usage", message);
}
