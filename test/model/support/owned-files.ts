import { statSync } from "node:fs";
import { join } from "node:path";

import type { Content } from "./cells.js";
import type { Photograph } from "./file-tree.js";
import { demand } from "./violation.js";

/** What of the user's has to stay: his files, and what his images hold that are nobody's disk. */
export class OwnedFiles {
  /** As he left them. */
  readonly #files = new Map<string, string>();
  /** Formats, by name. */
  readonly #images = new Map<string, string>();
  /**
   * What domsnap may write to, because a definition has named it, with what tells it from others: a
   * disk that a VHD stands on may get another name.
   */
  readonly #disks = new Map<string, string>();
  #loose: ReadonlyMap<string, Content> = new Map();

  constructor(
    private readonly folder: string,
    private readonly read: (name: string, format: string) => Content,
  ) {}

  /** What the user did between two photographs is his. */
  follow(before: Photograph, after: Photograph, isLeftOut: (name: string) => boolean): void {
    for (const name of this.#files.keys())
      if (!after.has(name) && !isLeftOut(name)) this.#files.delete(name);
    for (const [name, text] of after)
      if (!isLeftOut(name) && (!before.has(name) || this.#files.has(name)))
        this.#files.set(name, text);
    this.#loose = new Map(
      this.#looseNames().map(([name, format]) => [name, this.read(name, format)]),
    );
  }

  addImage(name: string, format: string): void {
    this.#images.set(name, format);
  }

  /** From now on the files are disks, whichever of their names the definition has. */
  useAsDisks(paths: readonly string[]): void {
    const inodes = new Set(paths.map(inodeOf));
    for (const name of this.#files.keys()) {
      const inode = inodeOf(join(this.folder, name));
      if (inodes.has(inode)) this.#disks.set(name, inode);
    }
  }

  has(name: string): boolean {
    return this.#files.has(name);
  }

  /** His images, by name. */
  images(): string[] {
    return [...this.#images.keys()].filter((name) => this.#files.has(name));
  }

  /** Throws a `Violation` unless everything is there as he left it. */
  verify(now: Photograph, isAway: (name: string) => boolean): void {
    for (const [name, text] of this.#files) {
      if (isAway(name)) continue;
      const inode = this.#disks.get(name);
      demand(
        now.has(name) || (inode !== undefined && this.#isElsewhere(inode, now)),
        () => `the user's file '${name}' is gone`,
      );
      if (inode !== undefined) continue;
      demand(now.get(name) === text, () => `the user's file '${name}' is changed`);
    }
    for (const [name, content] of this.#loose) {
      const there = this.read(name, this.#images.get(name) ?? "raw");
      demand(
        there === content || there === "away",
        () => `the user's image '${name}': is [${there}], was [${content}]`,
      );
    }
  }

  #isElsewhere(inode: string, now: Photograph): boolean {
    return [...now.keys()].some((name) => inodeOf(join(this.folder, name)) === inode);
  }

  #looseNames(): [name: string, format: string][] {
    return [...this.#images].filter(([name]) => this.#files.has(name) && !this.#disks.has(name));
  }
}

function inodeOf(path: string): string {
  const { dev, ino } = statSync(path, { throwIfNoEntry: false }) ?? {};
  return `${String(dev)}:${String(ino)}`;
}
