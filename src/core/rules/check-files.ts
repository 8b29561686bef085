import type { DomsnapError } from "../errors/index.js";
import { isTemporaryName, tokenOf } from "../model/index.js";
import type { HostFile, MemoryLook } from "../ports/index.js";
import type { Finding } from "./check-findings.js";

export interface FileFacts {
  /** Everything in the place where the records are, with what it is to the store. */
  readonly stateFiles: readonly StateFile[];
  /** Overlays, copies and memory files of records. */
  readonly snapshotFiles: readonly HostFile[];
  /** What is said to hold the memory of snapshots. */
  readonly memory: readonly MemoryFile[];
  /** Every path that a record or a definition names, and what stands below those. */
  readonly named: ReadonlySet<string>;
  /** Raw images, of which there may be copies. */
  readonly rawImages: readonly { readonly stem: string; readonly sizeBytes: number }[];
  /** Absolute paths of all images and snapshot files, up to the dot before their extension. */
  readonly stems: readonly string[];
  /** Everything beside the images. */
  readonly neighbours: readonly HostFile[];
  /** The changes of all domains that are under way or wait to be settled. */
  readonly openChanges: OpenChanges;
  /** Files outside of the folders where the domain's may be: by path, what to do about each. */
  readonly untrusted: ReadonlyMap<string, Pick<Finding, "advice">>;
}

/** Changes that have begun and not ended. */
export interface OpenChanges {
  /** What is in the names of the files that they make. */
  readonly tokens: ReadonlySet<string>;
  /** Why a change may make any file: its journal cannot be read. */
  readonly unread?: string;
}

/** A file that a record names as saved memory. */
export interface MemoryFile {
  readonly snapshot: string;
  readonly path: string;
  /** What it begins like, or why nobody can tell; missing where nothing is there. */
  readonly look?: MemoryLook | DomsnapError;
}

/** A file among the records; `known` if the store has put it there. */
export interface StateFile extends HostFile {
  readonly known: boolean;
}

const GROUP_AND_OTHERS = 0o077;
const OTHERS = 0o007;

/** What is wrong with files as such. */
export function checkFiles(facts: FileFacts): Finding[] {
  return [
    ...facts.stateFiles.flatMap(checkStateFile),
    ...facts.snapshotFiles
      .flatMap((file) => openTo(file, OTHERS, "everybody on the host"))
      .map((finding) => repairTrusted(finding, facts)),
    ...facts.memory.flatMap(checkMemory),
    ...facts.neighbours
      .filter((file) => isLeftover(file, facts))
      .map((file) => repairTrusted(leftover(file, facts.openChanges), facts)),
    ...facts.neighbours.filter((file) => isUnnamedCopy(file, facts)).map(unnamedCopy),
  ];
}

/** What a document or the header of an image has named elsewhere is told, and left alone. */
function repairTrusted(finding: Finding, { untrusted }: Pick<FileFacts, "untrusted">): Finding {
  const whatToDo = untrusted.get(finding.subject);
  if (!whatToDo) return finding;
  const { repair: _notOffered, ...told } = finding;
  return { ...told, ...whatToDo };
}

function checkMemory({ snapshot, path: subject, look }: MemoryFile): Finding[] {
  const detail = `it holds the memory of snapshot '${snapshot}'`;
  if (!look) return [{ code: "snapshot-file-missing", subject, detail }];
  if (look instanceof Error)
    return [{ code: "image-unreadable", subject, detail: `${detail}: ${look.message}` }];
  if (look.format !== undefined) return [];
  return [
    {
      code: "memory-foreign",
      subject,
      detail: `snapshot '${snapshot}' has its memory there, and it looks like ${look.looksLike}`,
    },
  ];
}

function checkStateFile(file: StateFile): Finding[] {
  if (!file.known || file.kind === "link" || file.kind === "other")
    return [{ code: "file-unknown", subject: file.path, detail: `it is ${KINDS[file.kind]}` }];
  return openTo(file, GROUP_AND_OTHERS, "others than its owner");
}

const KINDS = {
  regular: "a file of another name than the records have",
  folder: "a folder",
  link: "a symbolic link",
  other: "neither a file nor a folder",
} as const;

function openTo({ path, kind, mode }: HostFile, bits: number, whom: string): Finding[] {
  if (kind === "link" || (mode & bits) === 0) return [];
  const detail = `its mode ${(mode & 0o7777).toString(8)} lets ${whom} use it`;
  return [{ code: "file-open", subject: path, detail, repair: { kind: "restrict-file", path } }];
}

/** What a change is just making is none, and what one has left that waits goes when it is settled. */
function isLeftover(
  { path, kind }: HostFile,
  { stems, openChanges }: Pick<FileFacts, "stems" | "openChanges">,
): boolean {
  const token = tokenOf(path);
  if (kind !== "regular" || token === undefined || openChanges.tokens.has(token)) return false;
  return stems.some((stem) => path.startsWith(stem));
}

/** The record of a copy may be lost; it has the size of its disk, and begins with its name. */
function isUnnamedCopy(
  { path, kind, sizeBytes }: HostFile,
  { named, rawImages }: FileFacts,
): boolean {
  if (kind !== "regular" || named.has(path) || isTemporaryName(path)) return false;
  return rawImages.some((image) => path.startsWith(image.stem) && sizeBytes === image.sizeBytes);
}

function unnamedCopy({ path, sizeBytes }: HostFile): Finding {
  return { code: "copy-unnamed", subject: path, detail: `it has ${sizeBytes} bytes` };
}

function leftover({ path, sizeBytes }: HostFile, { unread }: OpenChanges): Finding {
  const detail = `it has ${sizeBytes} bytes`;
  if (unread === undefined)
    return {
      code: "file-leftover",
      subject: path,
      detail,
      repair: { kind: "remove-file", path },
    };
  return {
    code: "file-leftover",
    subject: path,
    detail: `${detail}, and may be of a change whose journal cannot be read: ${unread}`,
    advice: "Run 'domsnap recover' first; what cannot be settled is given up with its --abandon.",
  };
}
