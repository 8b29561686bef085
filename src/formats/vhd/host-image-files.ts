import { constants, type BigIntStats } from "node:fs";
import { chmod, link, open, realpath, stat, type FileHandle } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import {
  createExclusively,
  renameDurably,
  syncFolder,
  unlinkDurably,
} from "../../host/durable-files.js";
import { keepAttributes } from "../../host/file-attributes.js";
import { identityOf } from "../../host/file-identity.js";
import { errnoOf, noImageFile, systemError } from "../../host/system-error.js";
import type { FileIdentity, ImageFile, ImageFiles } from "./image-files.js";

/** The files of this host. */
export const hostImageFiles: ImageFiles = {
  open: openFile,
  async create(path, like) {
    await createExclusively(path, { mode: like.mode, owner: like });
    return openFile(path, "write");
  },
  identify,
  realPath: (path) => realpath(path).catch(() => resolve(path)),
  async link(path, name) {
    try {
      await link(path, name);
    } catch (error) {
      if (NO_LINKS.has(errnoOf(error) ?? "")) return false;
      throw systemError(error, `cannot link file '${path}' as '${name}'`);
    }
    await syncFolder(dirname(name));
    return true;
  },
  async setMode(path, mode) {
    try {
      await chmod(path, mode);
    } catch (error) {
      throw systemError(error, `cannot change the mode of image '${path}'`);
    }
  },
  keepAttributes,
  rename: renameDurably,
  async unlink(path) {
    await unlinkDurably(path);
  },
};

const NO_LINKS: ReadonlySet<string> = new Set(["EPERM", "EOPNOTSUPP", "ENOTSUP", "EMLINK"]);

async function openFile(path: string, access: "read" | "write"): Promise<ImageFile> {
  const flags = access === "read" ? constants.O_RDONLY : constants.O_RDWR;
  let handle: FileHandle | undefined;
  try {
    // Without waiting: a FIFO under the name of an image must not stop the program.
    handle = await open(path, flags | constants.O_NONBLOCK | constants.O_NOCTTY);
    const stats = await handle.stat();
    if (!stats.isFile() && !stats.isBlockDevice()) throw noImageFile(path);
    return new HostImageFile(path, handle);
  } catch (error) {
    await handle?.close();
    throw systemError(error, `cannot open image '${path}'`);
  }
}

async function identify(path: string): Promise<FileIdentity | undefined> {
  try {
    return describe(await stat(path, { bigint: true }));
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return undefined;
    throw systemError(error, `cannot stat image '${path}'`);
  }
}

function describe(stats: BigIntStats): FileIdentity {
  return {
    id: identityOf(stats),
    kind: stats.isFile() ? "file" : stats.isBlockDevice() ? "block" : "other",
    sizeBytes: Number(stats.size),
    changedMs: Number(stats.mtimeMs),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: Number(stats.mode & 0o777n),
  };
}

class HostImageFile implements ImageFile {
  constructor(
    readonly path: string,
    private readonly handle: FileHandle,
  ) {}

  async sizeBytes(): Promise<number> {
    return (await this.handle.stat()).size;
  }

  async read(buffer: Buffer, offset: number): Promise<void> {
    let filled = 0;
    while (filled < buffer.length) {
      const { bytesRead } = await this.#guard("read", () =>
        this.handle.read(buffer, filled, buffer.length - filled, offset + filled),
      );
      if (bytesRead === 0) {
        buffer.fill(0, filled);
        return;
      }
      filled += bytesRead;
    }
  }

  async write(buffer: Buffer, offset: number): Promise<void> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesWritten } = await this.#guard("write", () =>
        this.handle.write(buffer, done, buffer.length - done, offset + done),
      );
      done += bytesWritten;
    }
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#guard("truncate", () => this.handle.truncate(sizeBytes));
  }

  async sync(): Promise<void> {
    await this.#guard("sync", () => this.handle.sync());
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  async #guard<Result>(verb: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw systemError(error, `cannot ${verb} image '${this.path}'`);
    }
  }
}
