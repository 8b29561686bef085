import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, realpath, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

import type { HostFile, HostFiles } from "../core/ports/index.js";
import { assertUsable } from "./assert-usable.js";
import { unlinkDurably } from "./durable-files.js";
import { identifyPlace } from "./file-identity.js";
import { errnoOf, systemError } from "./system-error.js";

const OWNER_ONLY = 0o700;

/** The files of this host. */
export const hostFiles: HostFiles = {
  async look(path) {
    try {
      return describe(path, await lstat(path));
    } catch (thrown) {
      if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ENOTDIR") return undefined;
      throw systemError(thrown, `cannot stat file '${path}'`);
    }
  },

  identify: identifyPlace,

  async thing(path) {
    try {
      const stats = await stat(path, { bigint: true });
      return stats.isBlockDevice() ? `device:${stats.rdev}` : `${stats.dev}:${stats.ino}`;
    } catch (thrown) {
      if (errnoOf(thrown) === "ENOENT" || errnoOf(thrown) === "ENOTDIR") return undefined;
      throw systemError(thrown, `cannot stat file '${path}'`);
    }
  },

  async foldersOf(path) {
    const places = [dirname(path), await realpath(path).then(dirname, () => dirname(path))];
    const real = await Promise.all(places.map((place) => realpath(place).catch(() => undefined)));
    return [...new Set(real.filter((folder) => folder !== undefined))];
  },

  async list(folder) {
    const names = await readdir(folder).catch((thrown: unknown) => {
      if (errnoOf(thrown) === "ENOENT") return [];
      throw systemError(thrown, `cannot open directory '${folder}'`);
    });
    const files = await Promise.all(names.sort().map((name) => hostFiles.look(join(folder, name))));
    return files.filter((file) => file !== undefined);
  },

  assertUsable,

  async restrict(path) {
    const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
    try {
      const handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        await handle.chmod((await handle.stat()).mode & OWNER_ONLY);
      } finally {
        await handle.close();
      }
    } catch (thrown) {
      throw systemError(thrown, `cannot change the mode of '${path}'`);
    }
  },

  async remove(path) {
    await unlinkDurably(path);
  },
};

function describe(path: string, stats: Stats): HostFile {
  return { path, kind: kindOf(stats), mode: stats.mode & 0o7777, sizeBytes: stats.size };
}

function kindOf(stats: Stats): HostFile["kind"] {
  if (stats.isFile()) return "regular";
  if (stats.isDirectory()) return "folder";
  return stats.isSymbolicLink() ? "link" : "other";
}
