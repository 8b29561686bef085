import { basename } from "node:path";
import { ContainerModule } from "inversify";
import {
  asDomsnapError,
  ExportFormat,
  ImportSource,
  type ImportItem,
  type ImportMaterial,
  type RecordProblem,
} from "../../src/plugin.js";
import { kindOfSource, readSourceFile, writeOutput } from "../../src/plugin-kit.js";
import { formatSnapshot, SnapshotReader } from "../../src/xml/index.js";

const FILE = "snapshots.json";

/** The documents of all snapshots in one file, by name, and which of them is the current one. */
interface Content {
  readonly current?: string;
  readonly documents: Readonly<Record<string, string>>;
}

const jsonFormat: ExportFormat = {
  id: "json",
  summary: "one JSON file with all documents",
  copiesImages: false,
  async write({ snapshots, current }, folder, options) {
    const documents = Object.fromEntries(
      snapshots.map((snapshot) => [snapshot.name, formatSnapshot(snapshot, { secure: true })]),
    );
    const content: Content = { ...(current !== undefined && { current }), documents };
    const file = { name: FILE, content: `${JSON.stringify(content, undefined, 2)}\n` };
    return { files: await writeOutput(folder, [file], options), warnings: [] };
  },
};

const jsonSource: ImportSource = {
  id: "json",
  summary: `a file ${FILE}`,
  recognizes: (source) =>
    Promise.resolve(basename(source) === FILE && kindOfSource(source) === "file"),
  read: (source) => Promise.resolve().then(() => readDocuments(source)),
};

function readDocuments(source: string): ImportMaterial {
  const { current, documents } = JSON.parse(readSourceFile(source).toString("utf8")) as Content;
  const reader = new SnapshotReader();
  const items: ImportItem[] = [];
  const problems: RecordProblem[] = [];
  for (const [name, document] of Object.entries(documents)) {
    const origin = `${source}: ${name}`;
    try {
      const { snapshot } = reader.read(document);
      items.push({ origin, snapshot, ...(name === current && { current: true }) });
    } catch (error) {
      // One that cannot be read hides no other.
      problems.push({ record: origin, reason: asDomsnapError(error).message });
    }
  }
  return { items, problems };
}

export const jsonModule = new ContainerModule(({ bind }) => {
  bind<ExportFormat>(ExportFormat).toConstantValue(jsonFormat);
  bind<ImportSource>(ImportSource).toConstantValue(jsonSource);
});
