import { readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";

import { asDomsnapError } from "../../core/errors/index.js";
import type { Domain, DomainDefinition, DomainSnapshot } from "../../core/model/index.js";
import type {
  ImportItem,
  ImportMaterial,
  ImportSource,
  RecordProblem,
} from "../../core/ports/index.js";
import { canonicalUuid } from "../../xml/index.js";
import { definitionHolding } from "../../qemu-images/definition-below.js";
import { overlaysOf, withDefinitionOf } from "../../qemu-images/foreign-snapshot.js";
import { kindOfSource, readSourceFile } from "../../host/read-source-file.js";
import { systemError } from "../../host/system-error.js";
import {
  fromToolstackSnapshot,
  parseInformationFile,
  parseInformationFileName,
  parseLibxlSnapshot,
} from "../../xl-snapshot/index.js";

const LIMIT_BYTES = 1024 * 1024;

/**
 * Information files of the 2014 proposals for snapshots in xl: `snapshotdata-NAME.xl` of the second
 * and third, `snapshotdata-d.NAME.libxl-json` of the prototype. A folder of them is that of a
 * domain and called by its uuid; the folder above is taken, too, when the domain is known.
 *
 * The files hold no parents: the snapshots are chained by their creation time.
 */
export class InformationFilesSource implements ImportSource {
  readonly id = "xl";
  readonly summary = "folder or file of snapshotdata-NAME.xl or .libxl-json";

  recognizes(source: string): Promise<boolean> {
    const kind = kindOfSource(source);
    if (kind === "file") return Promise.resolve(isInformationFile(basename(source)));
    return Promise.resolve(kind === "folder" && filesIn(source).length > 0);
  }

  async read(source: string, domain: Domain | undefined): Promise<ImportMaterial> {
    const isFile = kindOfSource(source) === "file";
    const folder = isFile ? dirname(resolve(source)) : folderOf(source, domain);
    const files = isFile ? [basename(source)] : filesIn(folder);
    const items: ImportItem[] = [];
    const problems: RecordProblem[] = [];
    for (const file of files) {
      const path = join(folder, file);
      try {
        items.push(await readItem(path, domain));
      } catch (thrown) {
        problems.push({ record: path, reason: asDomsnapError(thrown).message });
      }
    }
    const domainUuid = canonicalUuid(basename(folder));
    return { items: chained(items), problems, ...(domainUuid !== undefined && { domainUuid }) };
  }
}

function folderOf(source: string, domain: Domain | undefined): string {
  const own = domain && join(source, domain.uuid);
  return own !== undefined && kindOfSource(own) === "folder" ? own : resolve(source);
}

function filesIn(folder: string): string[] {
  try {
    const names = new Set(readdirSync(folder));
    // Beside a record such a file only tells of it.
    const isRecorded = (file: string) => {
      const name = parseInformationFileName(file)?.name;
      return name !== undefined && names.has(`${name}.xml`);
    };
    return [...names].filter((file) => isInformationFile(file) && !isRecorded(file)).sort();
  } catch (thrown) {
    throw systemError(thrown, `cannot open directory '${folder}'`);
  }
}

function isInformationFile(name: string): boolean {
  return parseInformationFileName(name) !== undefined;
}

async function readItem(path: string, domain: Domain | undefined): Promise<ImportItem> {
  const file = basename(path);
  const text = readSourceFile(path, LIMIT_BYTES).toString("utf8");
  const fileName = parseInformationFileName(file);
  const parsed =
    fileName?.syntax === "xl" ? parseInformationFile(text, path) : parseLibxlSnapshot(text, path);
  const plain = fromToolstackSnapshot(parsed, {
    resolve: (name) => resolve(dirname(path), name),
  });
  const snapshot = domain ? await withDefinition(plain, domain.definition) : plain;
  const notes =
    fileName?.name === snapshot.name ? [] : [`its file is not called after it: '${file}'`];
  return { origin: path, snapshot, notes };
}

/**
 * With the definition that it must have had, as far as overlays and internal snapshots tell; else
 * the import records the present one, and says so.
 */
async function withDefinition(
  snapshot: DomainSnapshot,
  present: DomainDefinition,
): Promise<DomainSnapshot> {
  const internal = snapshot.disks.filter(({ mode }) => mode === "internal");
  const targets = internal.map(({ name }) => name);
  const holding = await definitionHolding(present, targets, snapshot.name);
  const isTold = holding !== present || (await overlaysOf(snapshot)).length > 0;
  return isTold ? withDefinitionOf(snapshot, holding) : snapshot;
}

function chained(items: readonly ImportItem[]): ImportItem[] {
  const byTime = [...items].sort((a, b) =>
    Number(a.snapshot.creationTime - b.snapshot.creationTime),
  );
  return byTime.map((item, index) => {
    const parent = byTime[index - 1]?.snapshot.name;
    if (parent === undefined || parent === item.snapshot.name) return item;
    const note = `no parent is recorded: it goes below '${parent}', the one before it`;
    return {
      ...item,
      snapshot: { ...item.snapshot, parent },
      notes: [...(item.notes ?? []), note],
    };
  });
}
