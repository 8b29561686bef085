import { readdirSync } from "node:fs";
import { basename, extname, join } from "node:path";

import { asDomsnapError } from "../../core/errors/index.js";
import type { Domain } from "../../core/model/index.js";
import type {
  ImportItem,
  ImportMaterial,
  ImportSource,
  RecordProblem,
} from "../../core/ports/index.js";
import { decodeXmlBytes, isSnapshotText, SnapshotReader, splitDocuments } from "../../xml/index.js";
import { kindOfSource, peekSourceFile, readSourceFile } from "../../host/read-source-file.js";
import { runTool } from "../../host/run-tool.js";
import { systemError } from "../../host/system-error.js";
import { readDriverDefinition } from "./driver-definition.js";

const SUFFIX = ".xml";
/** Comments before the first element are short. */
const PEEK_BYTES = 4096;
const USTAR_AT = 257;
const COMPRESSED = ["1f8b", "fd377a58", "28b52ffd", "425a68"];
/** What other hypervisors keep their snapshots in, and the connection that tells of them. */
const FOREIGN: Readonly<Record<string, string>> = {
  ".vbox": "vbox:///session",
  ".vmsd": "esx://HOST",
};
const MAX_STREAM_CHARS = 512 * 1024 * 1024;

/**
 * Snapshot documents of libvirt: the folder in which its drivers keep them, a file with one or
 * many (as `snapshot-dumpxml` prints them), or a tar archive of such files.
 */
export class DocumentsSource implements ImportSource {
  readonly id = "libvirt";
  readonly summary = "folder, file or tar archive of snapshot documents";

  recognizes(source: string): Promise<boolean> {
    const kind = kindOfSource(source);
    if (kind === "file") return Promise.resolve(isTar(source) || isDocument(source));
    if (kind !== "folder") return Promise.resolve(false);
    return Promise.resolve(
      entriesOf(source).some(
        (name) => isXml(name) || foreignUri(name) !== undefined || isFolder(source, name),
      ),
    );
  }

  async read(
    source: string,
    domain: Domain | undefined,
    reference?: string,
  ): Promise<ImportMaterial> {
    if (kindOfSource(source) === "folder")
      return readFolder(folderOf(source, domain?.name ?? reference));
    const text = isTar(source) ? await readTar(source) : decode(readSourceFile(source), source);
    return readStream(text, source);
  }
}

/** libvirt keeps a folder for each domain, by its name. */
function folderOf(source: string, domainName: string | undefined): string {
  const isName = domainName !== undefined && !/^\.{0,2}$|\//.test(domainName);
  if (!isName || entriesOf(source).some(isXml)) return source;
  const own = join(source, domainName);
  return kindOfSource(own) === "folder" ? own : source;
}

function readFolder(folder: string): ImportMaterial {
  const reader = new SnapshotReader();
  const items: ImportItem[] = [];
  const problems: RecordProblem[] = [];
  const others: string[] = [];
  for (const name of entriesOf(folder)) {
    const path = join(folder, name);
    const uri = foreignUri(name);
    if (uri !== undefined)
      problems.push({
        record: path,
        reason: `it is another hypervisor's own file; import from its libvirt connection ${uri}`,
      });
    else if (!isXml(name)) others.push(name);
    else
      collect(path, problems, () =>
        items.push(itemOf(reader, decode(readSourceFile(path), path), path)),
      );
  }
  const listed = others.map((name) => `'${name}'`).join(", ");
  const ofDriver = readDriverDefinition(folder, items);
  return {
    items,
    problems,
    ...(ofDriver.definition && { definition: ofDriver.definition }),
    warnings: [
      ...(others.length > 0 ? [`not looked at in '${folder}': ${listed}`] : []),
      ...(ofDriver.warning === undefined ? [] : [ofDriver.warning]),
    ],
  };
}

/** Documents one after the other, under the name that they came from. */
export function readStream(text: string, origin: string): ImportMaterial {
  const reader = new SnapshotReader();
  const items: ImportItem[] = [];
  const problems: RecordProblem[] = [];
  const documents = splitDocuments(text);
  documents.forEach((document, index) => {
    const place = documents.length === 1 ? origin : `${origin} (document ${String(index + 1)})`;
    collect(place, problems, () => items.push(itemOf(reader, document, place)));
  });
  return { items, problems };
}

function itemOf(reader: SnapshotReader, text: string, origin: string): ImportItem {
  const { snapshot, active } = reader.read(text);
  const isFile = origin.endsWith(SUFFIX) && basename(origin) !== snapshot.name + SUFFIX;
  return {
    origin,
    snapshot,
    ...(active && { current: true }),
    ...(isFile && { notes: [`its file is not called after it: '${basename(origin)}'`] }),
  };
}

function collect(record: string, problems: RecordProblem[], read: () => void): void {
  try {
    read();
  } catch (thrown) {
    problems.push({ record, reason: asDomsnapError(thrown).message });
  }
}

function decode(bytes: Uint8Array, path: string): string {
  return decodeXmlBytes(bytes, `(${basename(path)})`);
}

/** Prints the documents of an archive; no file is written. tar knows the usual compressions. */
async function readTar(path: string): Promise<string> {
  const only = ["--wildcards", "--no-anchored", `*${SUFFIX}`];
  const { stdout } = await runTool("tar", ["--to-stdout", "-xf", path, ...only], {
    maxOutputChars: MAX_STREAM_CHARS,
  });
  return stdout;
}

function isTar(path: string): boolean {
  const head = peekSourceFile(path, USTAR_AT + 5);
  if (head.toString("latin1", USTAR_AT) === "ustar") return true;
  return COMPRESSED.some((magic) => head.toString("hex").startsWith(magic));
}

function isDocument(path: string): boolean {
  const head = peekSourceFile(path, PEEK_BYTES);
  try {
    return isSnapshotText(decode(head, path));
  } catch {
    // Cut within a character.
    return isSnapshotText(head.toString("latin1"));
  }
}

function foreignUri(name: string): string | undefined {
  return FOREIGN[extname(name).toLowerCase()];
}

function isXml(name: string): boolean {
  return name.endsWith(SUFFIX);
}

function isFolder(parent: string, name: string): boolean {
  return kindOfSource(join(parent, name)) === "folder";
}

/** Sorted, so that the same folder is read in the same order everywhere. */
function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (thrown) {
    throw systemError(thrown, `cannot open directory '${folder}'`);
  }
}
