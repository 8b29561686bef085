import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

import type { DiskSnapshot, DomainDefinition } from "../../../../src/core/model/index.js";
import { parseDomain, parseSnapshot } from "../../../../src/xml/index.js";
import type { Image } from "./images.js";

/** Where a disk's state is, as a record tells it. */
export interface HeldState extends Image {
  /** Of an internal snapshot. */
  readonly tag?: string;
}

export interface SnapshotRecord {
  readonly name: string;
  readonly parent?: string;
  /** By target: the disks that the snapshot covers. */
  readonly states: ReadonlyMap<string, HeldState>;
}

/** The images of a domain's stored definition, by target; undefined if there is no definition. */
export function readDisks(folder: string, domain: string): Map<string, Image> | undefined {
  const text = readIfThere(join(folder, `${domain}.xml`));
  return text === undefined ? undefined : disksOf(parseDomain(text));
}

/** The records of a domain, by name, as they are on disk: nothing is settled by looking. */
export function readRecords(
  stateFolder: string,
  isLeftOut: (path: string) => boolean,
): Map<string, SnapshotRecord> {
  const paths = namesIn(stateFolder)
    .filter((name) => name.endsWith(".xml"))
    .map((name) => join(stateFolder, name))
    .filter((path) => !isLeftOut(path));
  return new Map(
    paths.map((path) => [basename(path, ".xml"), recordOf(readFileSync(path, "utf8"))]),
  );
}

/** Whether a change was begun and is not ended. */
export function hasJournal(stateFolder: string): boolean {
  return namesIn(stateFolder).includes("journal");
}

function recordOf(text: string): SnapshotRecord {
  const { name, parent, disks, domain } = parseSnapshot(text, { redefine: true });
  if (name === undefined || !domain) throw new Error(`not a whole record: ${text}`);
  const images = disksOf(domain);
  const keepers = keepersIn(text);
  // An image cannot rename what it holds: the record tells what it calls a snapshot.
  const tag = decodeURIComponent(/^Tag: (.*)$/m.exec(text)?.[1] ?? name);
  return {
    name,
    ...(parent === undefined ? {} : { parent }),
    states: new Map(
      disks.flatMap((disk) => {
        const state = stateOf(disk, images.get(disk.name), keepers.get(disk.name), tag);
        return state ? [[disk.name, state] as const] : [];
      }),
    ),
  };
}

/** A copy is a file of its own; else the state is in the image that the domain had by then. */
function stateOf(
  { mode, source, format }: DiskSnapshot,
  image: Image | undefined,
  keeper = format === "raw" ? "dd" : "",
  tag: string,
): HeldState | undefined {
  if (mode === "internal") return image && { ...image, tag };
  if (mode !== "external") return undefined;
  return keeper === "dd" ? { path: source?.path ?? "", format: "raw" } : image;
}

/** `Backends: vda=qdisk vdb=dd`; records of others have no such line. */
function keepersIn(text: string): Map<string, string> {
  const [, line = ""] = /^Backends: (.*)$/m.exec(text) ?? [];
  return new Map(line.split(" ").map((pair) => pair.split("=") as [string, string]));
}

function disksOf({ disks }: DomainDefinition): Map<string, Image> {
  return new Map(
    disks.map(({ target, source, format }) => [
      target,
      { path: source?.path ?? "", format: format ?? "raw" },
    ]),
  );
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
