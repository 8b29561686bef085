import type { HostFile } from "../ports/index.js";
import type { Finding } from "./check-findings.js";

export interface FileFacts {
  /** Everything in the place where the records are, with what it is to the store. */
  readonly stateFiles: readonly StateFile[];
  /** Overlays, copies and memory files of records. */
  readonly snapshotFiles: readonly HostFile[];
  /** Absolute paths of all images and snapshot files, up to the dot before their extension. */
  readonly stems: readonly string[];
  /** Everything beside the images. */
  readonly neighbours: readonly HostFile[];
}

/** A file among the records; `known` if the store has put it there. */
export interface StateFile extends HostFile {
  readonly known: boolean;
}

const GROUP_AND_OTHERS = 0o077;
const OTHERS = 0o007;
/** What every backend calls a file that is not complete. */
const INCOMPLETE = /\.domsnap-[a-z]+$/;

/** What is wrong with files as such. */
export function checkFiles(facts: FileFacts): Finding[] {
  return [
    ...facts.stateFiles.flatMap(checkStateFile),
    ...facts.snapshotFiles.flatMap((file) => openTo(file, OTHERS, "everybody on the host")),
    ...facts.neighbours.filter((file) => isLeftover(file, facts.stems)).map(leftover),
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

function isLeftover({ path, kind }: HostFile, stems: readonly string[]): boolean {
  return kind === "regular" && INCOMPLETE.test(path) && stems.some((stem) => path.startsWith(stem));
}

function leftover({ path, sizeBytes }: HostFile): Finding {
  const repair = { kind: "remove-file", path } as const;
  return { code: "file-leftover", subject: path, detail: `it has ${sizeBytes} bytes`, repair };
}
