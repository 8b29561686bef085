import { randomUUID } from "node:crypto";
import { basename } from "node:path";
import { DomsnapError } from "../../core/errors/index.js";
import { batmapBytes, formatBatmap } from "./batmap.js";
import { formatFooter, type VhdType } from "./footer.js";
import type { FileIdentity, ImageFiles } from "./image-files.js";
import {
  alignUp,
  DEFAULT_BLOCK_BYTES,
  HEADER_BYTES,
  NO_UUID,
  SECTOR_BYTES,
  vhdTime,
} from "./layout.js";
import { encodeLocators, type EncodedLocator } from "./parent-locator.js";
import { formatSparseHeader, type LocatorEntry } from "./sparse-header.js";

const TABLE_AT = SECTOR_BYTES + HEADER_BYTES;

/** What a new file hangs on. */
export interface NewParent {
  /** Real path; the name that it will have once the child is in place. */
  readonly path: string;
  /** Missing for a raw parent. */
  readonly uuid?: string;
  /** When its content was last changed, in milliseconds since 1970. */
  readonly changedMs: number;
}

export interface NewVhd {
  readonly sizeBytes: number;
  /** 32 hexadecimal digits; random when missing. */
  readonly uuid?: string;
  /** Milliseconds since 1970. Default: now. */
  readonly createdMs?: number;
  /** Makes a differencing file. */
  readonly parent?: NewParent;
  /** The real path that the file will have: the parent's path is told relative to it. */
  readonly finalPath: string;
}

/** A new UUID as VHD keeps it. */
export function newUuid(): string {
  return randomUUID().replaceAll("-", "");
}

/**
 * All bytes of an empty dynamic or differencing VHD, in the layout of vhd-util: footer copy,
 * header, table, batmap, paths to the parent, footer. About two bytes for each MiB of the disk.
 */
export function formatEmptyVhd(image: NewVhd): Buffer {
  const entries = Math.ceil(image.sizeBytes / DEFAULT_BLOCK_BYTES);
  const tableBytes = alignUp(entries * 4, SECTOR_BYTES);
  const batmapAt = TABLE_AT + tableBytes;
  const map = Buffer.alloc(batmapBytes(entries));
  const locatorsAt = batmapAt + SECTOR_BYTES + map.length;
  const encoded = image.parent ? encodeLocators(image.finalPath, image.parent.path) : [];
  const placed = placeLocators(encoded, locatorsAt);
  const footerAt = encoded.reduce((at, { spaceBytes }) => at + spaceBytes, locatorsAt);

  const bytes = Buffer.alloc(footerAt + SECTOR_BYTES);
  const footer = formatFooter({ ...footerOf(image), type: typeOf(image) });
  footer.copy(bytes, 0);
  headerOf(image, entries, placed).copy(bytes, SECTOR_BYTES);
  bytes.fill(0xff, TABLE_AT, TABLE_AT + entries * 4);
  formatBatmap(map, batmapAt, image.sizeBytes).copy(bytes, batmapAt);
  placed.forEach(({ offset }, index) => encoded[index]?.bytes.copy(bytes, offset));
  footer.copy(bytes, footerAt);
  return bytes;
}

/** The footer that makes a fixed VHD of raw data: it goes right behind them. */
export function formatFixedFooter(image: Omit<NewVhd, "parent" | "finalPath">): Buffer {
  return formatFooter({ ...footerOf(image), type: "fixed" });
}

/**
 * Writes an empty VHD to a file that does not exist yet, complete and durable when this returns
 * (except for its name). `created` hears which file it is before anything is written to it. A failure
 * may leave the file. Throws `system-error`, `no-space`.
 */
export async function createEmptyVhd(
  files: ImageFiles,
  path: string,
  image: NewVhd,
  like: FileIdentity,
  created: (id: FileIdentity["id"]) => Promise<void>,
): Promise<void> {
  const file = await files.create(path, like);
  try {
    const identity = await files.identify(path);
    if (!identity)
      throw new DomsnapError("system-error", `cannot stat image '${path}': it is gone`);
    await created(identity.id);
    await file.write(formatEmptyVhd(image), 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

function typeOf({ parent }: NewVhd): VhdType {
  return parent ? "differencing" : "dynamic";
}

function footerOf({
  sizeBytes,
  uuid = newUuid(),
  createdMs = Date.now(),
}: Omit<NewVhd, "finalPath">) {
  return { sizeBytes, uuid, createdAt: vhdTime(createdMs) };
}

function headerOf({ parent }: NewVhd, entries: number, locators: readonly LocatorEntry[]): Buffer {
  return formatSparseHeader({
    tableAt: TABLE_AT,
    tableEntries: entries,
    blockBytes: DEFAULT_BLOCK_BYTES,
    ...(parent && {
      parent: {
        uuid: parent.uuid ?? NO_UUID,
        name: basename(parent.path),
        changedAt: vhdTime(parent.changedMs),
        locators,
      },
    }),
  });
}

function placeLocators(encoded: readonly EncodedLocator[], start: number): LocatorEntry[] {
  let offset = start;
  return encoded.map(({ code, bytes, spaceBytes }) => {
    const entry = { code, spaceBytes, lengthBytes: bytes.length, offset };
    offset += spaceBytes;
    return entry;
  });
}
