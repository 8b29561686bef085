import { readdirSync, statSync } from "node:fs";
import { join, resolve } from "node:path";

import { asDomsnapError, DomsnapError } from "../../core/errors/index.js";
import type {
  ImportItem,
  ImportMaterial,
  ImportSource,
  RecordProblem,
} from "../../core/ports/index.js";
import { parseDomain, SnapshotReader } from "../../xml/index.js";
import { kindOfSource, readSourceFile } from "../../host/read-source-file.js";
import { systemError } from "../../host/system-error.js";
import { sha256Of, sha256OfFile } from "./checksum.js";
import { isCopyLeftover } from "./copy-payload.js";
import { MANIFEST, parseManifest, type Manifest, type Payload } from "./manifest.js";

/**
 * A bundle that domsnap has exported. Its documents and images are held against their checksums;
 * images are used where they are, in the bundle.
 */
export class BundleSource implements ImportSource {
  readonly id = "bundle";
  readonly summary = "folder that 'domsnap export' has made";

  recognizes(source: string): Promise<boolean> {
    return Promise.resolve(isWhole(source) || isUnfinished(source));
  }

  /**
   * Throws `image-conflict` when an image is not what was exported, `invalid-argument` when the
   * export was interrupted.
   */
  async read(source: string): Promise<ImportMaterial> {
    const folder = resolve(source);
    if (!isWhole(folder))
      throw new DomsnapError("invalid-argument", `'${folder}' is a bundle that is not whole`, {
        hint: "Repeat its export, which was interrupted: it goes on where it was.",
      });
    const path = join(folder, MANIFEST);
    const manifest = parseManifest(readSourceFile(path).toString("utf8"), path);
    const payloads = [...manifest.images, ...manifest.memory];
    for (const payload of payloads) await assertWhole(folder, payload);
    const { items, problems } = readDocuments(folder, manifest);
    return {
      items,
      problems,
      definition: parseDomain(readChecked(folder, manifest.definition)),
      mappings: payloads.map(({ path: from, file }) => ({ from, to: join(folder, file) })),
    };
  }
}

function isWhole(folder: string): boolean {
  return kindOfSource(join(folder, MANIFEST)) === "file";
}

/** The manifest comes last. */
function isUnfinished(folder: string): boolean {
  const images = join(folder, "images");
  return kindOfSource(images) === "folder" && readdirSync(images).some(isCopyLeftover);
}

function readDocuments(
  folder: string,
  { snapshots, current }: Manifest,
): { items: ImportItem[]; problems: RecordProblem[] } {
  const reader = new SnapshotReader();
  const items: ImportItem[] = [];
  const problems: RecordProblem[] = [];
  for (const document of snapshots) {
    const origin = join(folder, document.file);
    try {
      const { snapshot } = reader.read(readChecked(folder, document));
      items.push({ origin, snapshot, ...(snapshot.name === current && { current: true }) });
    } catch (thrown) {
      problems.push({ record: origin, reason: asDomsnapError(thrown).message });
    }
  }
  return { items, problems };
}

function readChecked(folder: string, { file, sha256 }: Manifest["definition"]): string {
  const bytes = readSourceFile(join(folder, file));
  if (sha256Of(bytes) === sha256) return bytes.toString("utf8");
  throw new DomsnapError("image-conflict", `'${join(folder, file)}' is not what was exported`);
}

async function assertWhole(folder: string, { file, sha256, bytes }: Payload): Promise<void> {
  const path = join(folder, file);
  const size = sizeOf(path);
  const found = size === bytes ? await sha256OfFile(path) : undefined;
  if (found === sha256) return;
  const difference =
    found === undefined
      ? `it has ${String(size)} bytes, not ${String(bytes)}`
      : `its SHA-256 is ${found}, not ${sha256}`;
  throw new DomsnapError("image-conflict", `'${path}' is not what was exported: ${difference}`, {
    hint: "Export it again: it was damaged on its way, or a guest has used it since.",
  });
}

function sizeOf(path: string): number {
  try {
    const stats = statSync(path);
    if (!stats.isFile()) throw new Error("it is not a regular file");
    return stats.size;
  } catch (thrown) {
    throw systemError(thrown, `cannot read file '${path}'`);
  }
}
