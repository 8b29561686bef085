import { isTemporaryName, type Domain, type DomainSnapshot } from "../../model/index.js";
import type { Answer } from "../../plan/answer.js";
import type { ImageNeeds } from "../../plan/image-needs.js";
import { wayToTrust } from "../../plan/trust.js";
import type { HostFile, MemoryLook } from "../../ports/index.js";
import type {
  FileFacts,
  HeldDisk,
  ImageFact,
  MemoryFile,
  OpenChanges,
  StateFile,
} from "../../rules/index.js";
import type { ServiceContext } from "../shared/context.js";
import { gatherTrust } from "../shared/gather-trust.js";
import { answer, lookAtMemories } from "../shared/image-facts.js";
import type { CheckOptions } from "../shared/results.js";

/** What is known of a domain when its files are looked at. */
export interface KnownOfDomain {
  readonly domain: Domain;
  readonly records: readonly DomainSnapshot[];
  readonly images: ReadonlyMap<string, ImageFact>;
  readonly held: readonly HeldDisk[];
  readonly needs: ImageNeeds;
}

/** Looks at the files of the records, at those of snapshots, and at what lies beside them. */
export async function lookAtFiles(
  context: ServiceContext,
  known: KnownOfDomain,
  options: CheckOptions,
): Promise<FileFacts> {
  const { domain, records, images, held, needs } = known;
  const ofRecords = new Set(records.flatMap(filesOfRecord));
  const memory = context.connection.toolstack.touchesImages ? records.flatMap(memoryOf) : [];
  const memoryPaths = memory.map(({ path }) => path);
  const looks = await lookAtMemories(context, memoryPaths);
  const ofDisks = new Set(held.flatMap(({ file }) => (file ? [file.path] : [])));
  const snapshotFiles = await lookAtEach(context, [...ofDisks, ...memoryPaths]);
  const neighbours = await listFolders(context, [...images.keys()]);
  const temporary = neighbours.filter(({ path }) => isTemporaryName(path));
  // Asked when the files are listed, and not before: a change is in its journal before it makes a file
  // with its token, and leaves the journal when none is left. So what was listed is of a change that
  // is found now, or of none that will ever go on.
  const openChanges = temporary.length > 0 ? await findOpenChanges(context) : NO_CHANGES;
  const asked = [...snapshotFiles.map(({ path }) => path), ...temporary.map(({ path }) => path)];
  const trust = await gatherTrust(context, domain, records, needs, options, asked);
  return {
    stateFiles: await lookAtStateFiles(context, domain, ofRecords),
    snapshotFiles,
    memory: memory.map((file) => ({ ...file, ...lookOf(looks.get(file.path)) })),
    neighbours,
    openChanges,
    stems: [...images.keys()].map(stemOf),
    named: new Set([
      ...ofRecords,
      ...[...images].flatMap(([path, { chain }]) => [path, ...chain]),
      ...needs.namesOfNeeded(),
    ]),
    rawImages: [...images].flatMap(([path, { image, info }]) =>
      image.format === "raw" && info
        ? [{ stem: stemOf(path), sizeBytes: info.virtualSizeBytes }]
        : [],
    ),
    untrusted: new Map(
      asked.filter((path) => !trust.has(path)).map((path) => [path, { advice: wayToTrust(path) }]),
    ),
  };
}

const NO_CHANGES: OpenChanges = { tokens: new Set() };

/** Of all domains: images may lie in one folder. Throws nothing. */
async function findOpenChanges({ connection: { journal } }: ServiceContext): Promise<OpenChanges> {
  const uuids = await answer(() => journal.list());
  if (!uuids.known) return { tokens: new Set(), unread: uuids.error.message };
  const tokens = new Set<string>();
  for (const uuid of uuids.value) {
    const entry = await answer(() => journal.read(uuid));
    if (!entry.known) return { tokens, unread: entry.error.message };
    if (entry.value) tokens.add(entry.value.token);
  }
  return { tokens };
}

/** Snapshots may keep their files beside their records. */
async function lookAtStateFiles(
  { connection, files }: ServiceContext,
  { uuid }: Domain,
  ofRecords: ReadonlySet<string>,
): Promise<StateFile[]> {
  const stateFiles: StateFile[] = [];
  for (const { path, known } of await connection.store.files(uuid)) {
    const file = await files.look(path);
    if (file) stateFiles.push({ ...file, known: known || ofRecords.has(path) });
  }
  return stateFiles;
}

async function lookAtEach(
  { files }: ServiceContext,
  paths: readonly string[],
): Promise<HostFile[]> {
  const looked = await Promise.all(paths.map((path) => files.look(path)));
  return looked.filter((file) => file !== undefined);
}

async function listFolders(
  { files }: ServiceContext,
  images: readonly string[],
): Promise<HostFile[]> {
  const folders = new Set(images.map((path) => path.slice(0, path.lastIndexOf("/"))));
  const listed = await Promise.all([...folders].map((folder) => files.list(folder || "/")));
  return listed.flat();
}

function filesOfRecord({ memory, disks, revertDisks = [] }: DomainSnapshot): string[] {
  const images = [...disks, ...revertDisks].map(({ source }) => source?.path);
  return [memory?.file, ...images].filter((path) => path !== undefined);
}

function lookOf(looked: Answer<MemoryLook | undefined> | undefined): Pick<MemoryFile, "look"> {
  const look = looked?.known === false ? looked.error : looked?.value;
  return look ? { look } : {};
}

function memoryOf({ name, memory }: DomainSnapshot): { snapshot: string; path: string }[] {
  return memory?.file === undefined ? [] : [{ snapshot: name, path: memory.file }];
}

function stemOf(path: string): string {
  return `${path.replace(/\.[^./]*$/, "")}.`;
}
