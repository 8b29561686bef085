import { damaged } from "./damage.js";
import type { DomsnapError } from "../../core/errors/index.js";
import type { ImageFile, ImageFiles } from "./image-files.js";
import { HEADER_BYTES, NO_UUID } from "./layout.js";
import { readFooters, type Vhd } from "./open-vhd.js";
import { decodeLocator, MAX_LOCATOR_BYTES } from "./parent-locator.js";
import { parseSparseHeader, type SparseHeader } from "./sparse-header.js";

/** A differencing image's parent, as its header tells it. */
export interface ParentLink {
  /** Absolute path. */
  readonly path: string;
  /** `undefined`: the parent is raw and has none. */
  readonly uuid: string | undefined;
  /** When it was last written to as the child was made, in seconds since 2000; 0 where not told. */
  readonly changedAt: number;
}

/** Who the parent is; `undefined` for images that have none. Throws `disk-unsupported`. */
export async function parentOf(
  files: ImageFiles,
  image: Vhd | { readonly kind: "raw" },
): Promise<ParentLink | undefined> {
  if (image.kind !== "sparse" || image.footer.type !== "differencing") return undefined;
  return linkOf(files, image.layer.file, image.layer.layout.header);
}

/** The same from the headers alone; never reads the tables. */
export function peekParent(files: ImageFiles, path: string): Promise<ParentLink | undefined> {
  return withHeader(files, path, (file, header) => linkOf(files, file, header));
}

/**
 * Whether a file may be a child of another, for looking through a folder: one of the places where its
 * parent may be is that one (a real path). Looser than `peekParent`: a child that is overlooked is
 * lost with its parent.
 */
export async function mayStandOn(
  files: ImageFiles,
  path: string,
  target: string,
): Promise<boolean> {
  const paths = await withHeader(files, path, (file, header) => parentPaths(files, file, header));
  for (const parent of paths ?? []) if ((await files.realPath(parent)) === target) return true;
  return false;
}

/** Looks at the header of a differencing file; undefined for any other. */
async function withHeader<Result>(
  files: ImageFiles,
  path: string,
  work: (file: ImageFile, header: SparseHeader) => Promise<Result>,
): Promise<Result | undefined> {
  const file = await files.open(path, "read");
  try {
    const { copy, trailing } = await readFooters(file);
    const footer = copy?.type === "differencing" ? copy : trailing;
    if (footer?.type !== "differencing" || trailing?.type === "fixed") return undefined;
    const bytes = Buffer.alloc(HEADER_BYTES);
    await file.read(bytes, footer.headerAt ?? 0);
    const header = parseSparseHeader(bytes);
    return header && (await work(file, header));
  } finally {
    await file.close();
  }
}

async function linkOf(
  files: ImageFiles,
  file: ImageFile,
  header: SparseHeader,
): Promise<ParentLink> {
  const paths = await parentPaths(files, file, header);
  const there: string[] = [];
  for (const path of paths) if (await files.identify(path)) there.push(path);
  const [path = paths[0], other] = await withoutAliases(files, there);
  if (path === undefined) throw damaged(file.path, "it does not say where its parent is");
  if (other !== undefined)
    throw relinking(file.path, `it names two parents, '${path}' and '${other}'`);
  if (!isNamed(header.parentName, path))
    throw relinking(
      file.path,
      `it calls its parent '${header.parentName}' and says that it is '${path}'`,
    );
  const { parentUuid, parentChangedAt } = header;
  const uuid = parentUuid === NO_UUID ? undefined : parentUuid;
  return { path, uuid, changedAt: parentChangedAt };
}

/** Every place where a parent may be, each once, in the order in which they are told. */
async function parentPaths(
  files: ImageFiles,
  file: ImageFile,
  { locators }: SparseHeader,
): Promise<string[]> {
  const childPath = await files.realPath(file.path);
  const paths = new Set<string>();
  for (const locator of locators) {
    if (locator.lengthBytes > MAX_LOCATOR_BYTES) continue;
    const bytes = Buffer.alloc(locator.lengthBytes);
    await file.read(bytes, locator.offset);
    const path = decodeLocator(locator, bytes, childPath);
    if (path !== undefined) paths.add(path);
  }
  return [...paths];
}

async function withoutAliases(files: ImageFiles, paths: readonly string[]): Promise<string[]> {
  const byRealPath = new Map<string, string>();
  for (const path of paths) {
    const real = await files.realPath(path);
    if (!byRealPath.has(real)) byRealPath.set(real, path);
  }
  return [...byRealPath.values()];
}

/** The header has room for so many letters of a name, which may have folders before it. */
const LONGEST_PARENT_NAME = 256;

function isNamed(parentName: string, path: string): boolean {
  const name = parentName.slice(parentName.search(/[^/\\]*$/));
  const called = path.slice(path.lastIndexOf("/") + 1);
  return parentName === "" || name === called || isCut(parentName, called);
}

function isCut(parentName: string, called: string): boolean {
  return parentName.length >= LONGEST_PARENT_NAME && called.startsWith(parentName);
}

function relinking(path: string, what: string): DomsnapError {
  return damaged(
    path,
    `${what}, as when giving it another parent was interrupted`,
    `Run 'vhd-util modify -n ${path} -p PARENT' with the parent whose name is right.`,
  );
}
