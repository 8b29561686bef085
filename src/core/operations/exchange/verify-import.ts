import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import type { DiskSnapshot, DomainDisk, DomainSnapshot, ImageRef } from "../../model/index.js";
import { fileOfDiskSnapshot, findDisk, imageOfDisk, isTaken } from "../../plan/disk-images.js";
import type { DiskBackend, ImageInfo } from "../../ports/index.js";
import { isImageVerdict } from "../../rules/index.js";
import type { ServiceContext } from "../shared/context.js";

/** What is wrong with the files that a snapshot needs, and what could not be told. */
export interface Verification {
  readonly problems: readonly string[];
  readonly notes: readonly string[];
}

type TakenDisk = DiskSnapshot & { readonly mode: "internal" | "external" };

/**
 * Looks whether the files that snapshots need are there and are what the records say: format,
 * internal snapshot, virtual size. Each image is asked once, however many snapshots it holds.
 */
export class ImportVerifier {
  readonly #images = new Map<string, Promise<ImageInfo | DomsnapError>>();

  constructor(private readonly context: Pick<ServiceContext, "backends" | "lookAtMemory">) {}

  /** Throws what kept it from looking: a snapshot is not left out because a tool has failed. */
  async verify(snapshot: DomainSnapshot): Promise<Verification> {
    const problems = await this.#memoryProblems(snapshot);
    const notes: string[] = [];
    for (const disk of snapshot.disks.filter(isTaken)) {
      const domainDisk = findDisk(snapshot.domain, disk.name);
      const backend = this.context.backends.keeperOf(domainDisk, disk);
      if (!snapshot.domain) continue;
      if (!domainDisk) problems.push(`disk '${disk.name}' is not in its domain definition`);
      else if (!backend)
        notes.push(
          `disk '${disk.name}': no disk backend can revert to it; its image is not verified`,
        );
      else problems.push(...(await this.#verifyDisk(snapshot.name, disk, domainDisk, backend)));
    }
    return { problems, notes };
  }

  async #memoryProblems({ memory }: DomainSnapshot): Promise<string[]> {
    if (memory?.file === undefined) return [];
    const look = await this.context.lookAtMemory(memory.file).catch((thrown: unknown) => {
      throw unverified(asDomsnapError(thrown));
    });
    if (!look) return [`its memory '${memory.file}' is not there`];
    if (look.format !== undefined) return [];
    return [`its memory '${memory.file}' is no saved memory: it looks like ${look.looksLike}`];
  }

  async #verifyDisk(
    name: string,
    disk: TakenDisk,
    domainDisk: DomainDisk,
    backend: DiskBackend,
  ): Promise<string[]> {
    const image = imageOfDisk(domainDisk);
    const info = image && (await this.#inspect(backend, image));
    if (info === undefined) return [`disk '${disk.name}' has no local image`];
    if (info instanceof Error) return [`disk '${disk.name}': ${info.message}`];
    return disk.mode === "internal"
      ? tagProblems(disk.name, name, info)
      : this.#verifyFile(disk, info, backend);
  }

  async #verifyFile(disk: TakenDisk, below: ImageInfo, backend: DiskBackend): Promise<string[]> {
    const file = fileOfDiskSnapshot(disk);
    if (!file) return [`disk '${disk.name}' has no local file of a known format`];
    const info = await this.#inspect(backend, file);
    if (info instanceof Error) return [`disk '${disk.name}': ${info.message}`];
    if (info.virtualSizeBytes < below.virtualSizeBytes)
      return [
        `disk '${disk.name}': '${info.path}' holds ${String(info.virtualSizeBytes)} bytes, ` +
          `fewer than the ${String(below.virtualSizeBytes)} of '${below.path}'`,
      ];
    return [];
  }

  #inspect(backend: DiskBackend, image: ImageRef): Promise<ImageInfo | DomsnapError> {
    const key = `${backend.id} ${image.format} ${image.path}`;
    let info = this.#images.get(key);
    if (!info) {
      info = backend.inspect(image).catch((thrown: unknown) => {
        const error = asDomsnapError(thrown);
        if (isImageVerdict(error)) return error;
        throw unverified(error);
      });
      this.#images.set(key, info);
    }
    return info;
  }
}

function unverified(error: DomsnapError): DomsnapError {
  const hints = [
    ...(error.hint === undefined ? [] : [error.hint]),
    "Repeat the import when this is mended, or leave the images out with --metadata: nothing was recorded.",
  ];
  return new DomsnapError(error.code, error.detail, { cause: error, hint: hints.join(" ") });
}

function tagProblems(disk: string, name: string, { path, snapshots }: ImageInfo): string[] {
  const found = snapshots.filter(({ tag }) => tag === name).length;
  if (found === 1) return [];
  return [
    found === 0
      ? `disk '${disk}': image '${path}' holds no snapshot '${name}'`
      : `disk '${disk}': image '${path}' holds ${String(found)} snapshots '${name}'`,
  ];
}
