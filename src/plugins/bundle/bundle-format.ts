import { existsSync } from "node:fs";
import { basename, join } from "node:path";

import { DomsnapError } from "../../core/errors/index.js";
import { removablePaths } from "../../core/plan/image-references.js";
import type {
  ExportedFiles,
  ExportFormat,
  ExportOptions,
  ExportTree,
} from "../../core/ports/index.js";
import { formatExisting } from "../../xml/libvirt-metadata.js";
import { makeFolder, OUTPUT_LIMIT_BYTES, writeOutput } from "../../host/output-folder.js";
import { readStateFile } from "../../host/state-files.js";
import { sha256Of } from "./checksum.js";
import { collectImages, type ChainedImage } from "./collect-images.js";
import { copyPayload, relink, type CopyOptions } from "./copy-payload.js";
import { formatManifest, MANIFEST, writerOfManifest, type Manifest } from "./manifest.js";

/**
 * A folder that moves a domain with its whole tree to another host: the definition, a document for
 * each snapshot, on wish every image and saved memory, and a manifest with their checksums. Copied
 * overlays find their backing files by a name without folders, so that the folder can be anywhere.
 */
export class BundleFormat implements ExportFormat {
  readonly id = "bundle";
  readonly summary = "everything for another host, with checksums";
  readonly copiesImages = true;

  async write(tree: ExportTree, folder: string, options: ExportOptions): Promise<ExportedFiles> {
    const { domain, snapshots, current } = tree;
    const definition = {
      name: "domain.xml",
      content: `${(domain.inactiveDefinition ?? domain.definition).xml}\n`,
    };
    const documents = snapshots.map((snapshot, index) => ({
      name: `snapshots/${String(index + 1).padStart(4, "0")}.xml`,
      content: formatExisting(snapshot),
      snapshot: snapshot.name,
    }));
    // What cannot be written is told before hours of copying.
    await writeOutput(folder, [definition, ...documents], { dryRun: true });
    const { images, memory } = options.images
      ? await copyAll(tree, folder, { ...options, isWhole: existsSync(join(folder, MANIFEST)) })
      : { images: [], memory: [] };
    const manifest: Manifest = {
      domain: { name: domain.name, uuid: domain.uuid },
      ...(current !== undefined && { current }),
      definition: { file: definition.name, sha256: sha256Of(definition.content) },
      snapshots: documents.map(({ name, content, snapshot }) => ({
        file: name,
        sha256: sha256Of(content),
        name: snapshot,
      })),
      images,
      memory,
    };
    const last = { name: MANIFEST, content: formatManifest(manifest, writerIn(folder)) };
    if (!options.dryRun) await makeFolder(join(folder, "snapshots"));
    const written = [
      ...(await writeOutput(folder, [definition, ...documents], options)),
      ...[...images, ...memory].map(({ file }) => join(folder, file)),
      ...(await writeOutput(folder, [last], options)),
    ];
    return { files: written, warnings: options.images ? removableWarnings(tree) : [] };
  }
}

/** Who wrote a bundle that is there: written again by another version it stays as it is. */
function writerIn(folder: string): string | undefined {
  const text = readStateFile(join(folder, MANIFEST), OUTPUT_LIMIT_BYTES);
  return text === undefined ? undefined : writerOfManifest(text);
}

async function copyAll(
  tree: ExportTree,
  folder: string,
  options: ExportOptions & Pick<CopyOptions, "isWhole">,
): Promise<Pick<Manifest, "images" | "memory">> {
  const chained = await collectImages(tree);
  const saved = [...new Set(tree.snapshots.flatMap(({ memory }) => memory?.file ?? []))];
  const files = new Map(
    [...chained.map(({ image }) => image.path), ...saved].map((path, index) => [
      path,
      `images/${String(index + 1).padStart(3, "0")}-${basename(path)}`,
    ]),
  );
  const fileOf = (path: string) => {
    const file = files.get(path);
    if (file === undefined) throw new DomsnapError("internal-error", `'${path}' was not collected`);
    return file;
  };
  if (options.dryRun && !options.isWhole)
    return {
      images: chained.map(({ image }) => planned(image.path, fileOf, image.format)),
      memory: saved.map((path) => planned(path, fileOf, "raw")),
    };
  await makeFolder(join(folder, "images"));
  const paths = [...files.keys()];
  const optionsOf = (path: string): CopyOptions => ({
    signal: options.signal,
    isWhole: options.isWhole,
    progress: (step, progress) => {
      const [index, total] = [paths.indexOf(path), paths.length];
      options.progress({ ...progress, step, index, total, subject: basename(path) });
    },
  });
  const images: Manifest["images"] = [];
  for (const one of chained)
    images.push(await copyImage(one, fileOf, folder, optionsOf(one.image.path)));
  const memory: Manifest["memory"] = [];
  for (const path of saved)
    memory.push(await copyPayload(path, fileOf(path), folder, optionsOf(path)));
  return { images, memory };
}

async function copyImage(
  chained: ChainedImage,
  fileOf: (path: string) => string,
  folder: string,
  options: CopyOptions,
): Promise<Manifest["images"][number]> {
  const { image, below } = chained;
  const payload = await copyPayload(image.path, fileOf(image.path), folder, {
    ...options,
    ...(below && {
      standing: {
        on: basename(fileOf(below.path)),
        relink: (copy) => relink(copy, chained, fileOf(below.path), options),
      },
    }),
  });
  return { ...payload, format: image.format };
}

function planned(
  path: string,
  fileOf: (path: string) => string,
  format: Manifest["images"][number]["format"],
): Manifest["images"][number] {
  return { path, file: fileOf(path), format, sha256: "", bytes: 0 };
}

function removableWarnings({ domain }: ExportTree): string[] {
  const paths = removablePaths([domain.inactiveDefinition ?? domain.definition]);
  return [...paths].map((path) => `'${path}' in a removable drive is not copied`);
}
