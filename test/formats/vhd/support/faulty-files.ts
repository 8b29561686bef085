import {
  hostImageFiles,
  type ImageFile,
  type ImageFiles,
} from "../../../../src/formats/vhd/index.js";

/**
 * What is left of writes that were not synced when the power goes: all of them (a killed process),
 * the last one in half, none, or every other one.
 */
export const LOSSES = ["none", "torn", "all", "some"] as const;
export type Loss = (typeof LOSSES)[number];

export class Crash extends Error {}

interface UnsyncedWrite {
  readonly file: ImageFile;
  readonly offset: number;
  readonly before: Buffer;
  readonly sizeBefore: number;
}

/**
 * The files of this host up to the change with number `crashAt` (from 0): then everything fails,
 * and `lose` brings the disk into the state that a crash leaves. Counts changes for those who want
 * to try them all.
 */
export class FaultyFiles implements ImageFiles {
  changes = 0;
  #unsynced: UnsyncedWrite[] = [];

  constructor(
    private readonly crashAt = Infinity,
    private readonly loss: Loss = "none",
  ) {}

  readonly identify = (path: string) => this.#alive(() => hostImageFiles.identify(path));
  readonly realPath = (path: string) => this.#alive(() => hostImageFiles.realPath(path));

  async open(path: string, access: "read" | "write"): Promise<ImageFile> {
    return this.#wrap(await this.#alive(() => hostImageFiles.open(path, access)));
  }
  async create(...args: Parameters<ImageFiles["create"]>): Promise<ImageFile> {
    return this.#wrap(await this.#change(() => hostImageFiles.create(...args)));
  }
  link(path: string, name: string): Promise<boolean> {
    return this.#change(() => hostImageFiles.link(path, name));
  }
  setMode(path: string, mode: number): Promise<void> {
    return this.#change(() => hostImageFiles.setMode(path, mode));
  }
  keepAttributes(replaced: string, file: string): Promise<void> {
    return this.#change(() => hostImageFiles.keepAttributes(replaced, file));
  }
  rename(from: string, to: string): Promise<void> {
    return this.#change(() => hostImageFiles.rename(from, to));
  }
  unlink(path: string): Promise<void> {
    return this.#change(() => hostImageFiles.unlink(path));
  }

  get #isDead(): boolean {
    return this.changes > this.crashAt;
  }

  #alive<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#isDead) return Promise.reject(new Crash());
    return work();
  }

  #change<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.changes++ >= this.crashAt) return Promise.reject(new Crash());
    return work();
  }

  #wrap(file: ImageFile): ImageFile {
    return {
      path: file.path,
      sizeBytes: () => this.#alive(() => file.sizeBytes()),
      read: (buffer, offset) => this.#alive(() => file.read(buffer, offset)),
      write: async (buffer, offset) => {
        await this.#alive(() => this.#remember(file, offset, buffer.length));
        const isLast = this.changes === this.crashAt;
        if (isLast && this.loss === "torn") await file.write(firstHalf(buffer, offset), offset);
        await this.#change(() => file.write(buffer, offset));
      },
      truncate: async (sizeBytes) => {
        await this.#alive(() => this.#remember(file, sizeBytes, 0));
        await this.#change(() => file.truncate(sizeBytes));
      },
      sync: async () => {
        await this.#alive(() => Promise.resolve());
        this.#unsynced = this.#unsynced.filter((write) => write.file !== file);
      },
      close: async () => {
        if (this.#isDead) await this.#loseUnsynced(file);
        await file.close();
      },
    };
  }

  async #remember(file: ImageFile, offset: number, length: number): Promise<void> {
    if (this.loss === "none" || this.loss === "torn") return;
    const sizeBefore = await file.sizeBytes();
    const end = Math.max(offset + length, sizeBefore);
    const before = Buffer.alloc(length === 0 ? Math.max(0, end - offset) : length);
    await file.read(before, offset);
    this.#unsynced.push({ file, offset, before, sizeBefore });
  }

  async #loseUnsynced(file: ImageFile): Promise<void> {
    const lost = this.#unsynced.filter((write) => write.file === file).reverse();
    this.#unsynced = this.#unsynced.filter((write) => write.file !== file);
    for (const [index, { offset, before, sizeBefore }] of lost.entries()) {
      if (this.loss === "some" && index % 2 === 1) continue;
      if (before.length > 0) await file.write(before, offset);
      if (this.loss === "all") await file.truncate(sizeBefore);
    }
  }
}

/** Disks write sectors whole. */
function firstHalf(buffer: Buffer, offset: number): Buffer {
  const middle = Math.floor((offset + buffer.length / 2) / 512) * 512;
  return buffer.subarray(0, Math.max(0, middle - offset));
}
