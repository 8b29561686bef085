import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync, type BigIntStats } from "node:fs";
import { join } from "node:path";

/** Everything below a folder by name relative to it: what it is and, in short, what it holds. */
export type Photograph = ReadonlyMap<string, string>;

/** Looks at a folder again and again; a file that was not touched meanwhile is not read again. */
export class FileTree {
  readonly #known = new Map<string, { readonly seal: string; readonly text: string }>();

  constructor(
    private readonly folder: string,
    private readonly isLeftOut: (name: string) => boolean,
  ) {}

  /** Files and links, not folders. */
  photograph(): Photograph {
    const names = readdirSync(this.folder, { recursive: true, encoding: "utf8" }).sort();
    return new Map(
      names
        .filter((name) => !this.isLeftOut(name))
        .flatMap((name) => {
          const text = this.#textOf(name);
          return text === undefined ? [] : [[name, text] as const];
        }),
    );
  }

  #textOf(name: string): string | undefined {
    const path = join(this.folder, name);
    const stats = lstatSync(path, { bigint: true });
    if (stats.isDirectory()) return undefined;
    if (stats.isSymbolicLink()) return `link to ${readlinkSync(path)}`;
    if (!stats.isFile()) return "no file";
    const seal = sealOf(stats);
    const known = this.#known.get(name);
    if (known?.seal === seal) return known.text;
    const mode = (stats.mode & 0o7777n).toString(8);
    const text = `${mode} ${createHash("sha1").update(readFileSync(path)).digest("hex")}`;
    this.#known.set(name, { seal, text });
    return text;
  }
}

/** What differs between two photographs, a line each; empty if nothing does. */
export function differences(before: Photograph, after: Photograph): string[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old === now) return [];
    if (old === undefined) return [`${name} is new`];
    return [now === undefined ? `${name} is gone` : `${name} is changed`];
  });
}

function sealOf({ dev, ino, size, mode, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mode, mtimeNs, ctimeNs].join(" ");
}
