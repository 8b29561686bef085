import { open, stat } from "node:fs/promises";

import { DomsnapError } from "../../core/errors/index.js";
import { withImageFile, type ReadAt } from "../../host/bounded-read.js";
import { systemError } from "../../host/system-error.js";
import {
  CONFIG_IS_JSON,
  FIXED_BYTES,
  formatSaveFileHeader,
  headerLength,
  notSaveFile,
  parseSaveFileHeader,
  type ReadSaveFileHeader,
} from "./header.js";

/** What the stream begins with, and the record of type and length 0 that it ends with. */
const STREAM_MAGIC = Buffer.from("LibxlFmt", "latin1");
const STREAM_END = Buffer.alloc(8);
const COPY_CHUNK_BYTES = 1024 * 1024;

/** Throws `system-error`, and as `parseSaveFileHeader`. */
export async function readSaveFileHeader(path: string): Promise<ReadSaveFileHeader> {
  const header = await withImageFile(path, readHeader);
  if (header) return header;
  throw notSaveFile("it is not a regular file");
}

/**
 * A quick test before something is given up for a memory file: header, configuration, and both
 * ends of the stream, without reading the memory. A file cut short within pages of zeros passes.
 * Throws `operation-failed`, `config-unsupported` and `system-error`.
 */
export async function assertCompleteSaveFile(path: string): Promise<ReadSaveFileHeader> {
  const header = await withImageFile(path, async (readAt) => {
    const found = await readHeader(readAt);
    if ((found.mandatoryFlags & CONFIG_IS_JSON) !== 0) assertJson(found.config);
    const { size } = await stat(path);
    const magic = await readAt(found.streamOffset, STREAM_MAGIC.length);
    const isNew = found.mandatoryFlags !== 0 && found.mandatoryFlags !== CONFIG_IS_JSON;
    if (isNew && !magic.equals(STREAM_MAGIC)) throw notSaveFile("its stream has no beginning");
    const isLongEnough = size >= found.streamOffset + STREAM_MAGIC.length + STREAM_END.length;
    const end = isLongEnough ? await readAt(size - STREAM_END.length, STREAM_END.length) : magic;
    if (!isLongEnough || (isNew && !end.equals(STREAM_END)))
      throw notSaveFile("its stream has no end");
    return found;
  });
  if (header) return header;
  throw notSaveFile("it is not a regular file");
}

/**
 * Fills an empty file with the same memory and another configuration. Nothing covers the header by a
 * checksum, so xl takes it. On failure and on abort the file is the caller's to remove. Throws
 * `system-error`, `no-space`.
 */
export async function rewriteSaveFile(
  source: string,
  target: string,
  changeConfig: (config: string) => string,
  signal?: AbortSignal,
): Promise<void> {
  const header = await readSaveFileHeader(source);
  const bytes = formatSaveFileHeader({ ...header, config: changeConfig(header.config) });
  try {
    await copyBehind(bytes, source, header.streamOffset, target, signal);
  } catch (thrown) {
    throw systemError(thrown, `cannot write file '${target}'`);
  }
}

async function copyBehind(
  head: Uint8Array,
  source: string,
  start: number,
  target: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const output = await open(target, "r+");
  try {
    await output.writeFile(head);
    await withImageFile(source, async (readAt) => {
      for (let offset = start; ; offset += COPY_CHUNK_BYTES) {
        if (signal?.aborted)
          throw new DomsnapError("cancelled", `cancelled while writing '${target}'`);
        const chunk = await readAt(offset, COPY_CHUNK_BYTES);
        await output.writeFile(chunk);
        if (chunk.length < COPY_CHUNK_BYTES) return;
      }
    });
    await output.sync();
  } finally {
    await output.close();
  }
}

async function readHeader(readAt: ReadAt): Promise<ReadSaveFileHeader> {
  const length = headerLength(await readAt(0, FIXED_BYTES));
  return parseSaveFileHeader(await readAt(0, length));
}

function assertJson(config: string): void {
  try {
    JSON.parse(config);
  } catch {
    throw notSaveFile("its configuration is not JSON");
  }
}
