import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ContainerModule } from "inversify";
import {
  DiskBackend,
  RANK,
  type DiskOperations,
  type Evidence,
  type ImageRef,
  type OperationContext,
  type StateStorage,
  type StoredState,
} from "domsnap/plugin";
import { findBackedBy, identifyFile, isRaw } from "domsnap/plugin-kit";
import { archiveBackend } from "./archive-backend.js";
import { archiveOperations } from "./archive-operations.js";

const NAME = /^\/vault\/[a-z0-9-]+$/;

/**
 * Keeps states of raw image files in a storage of its own, under names that lead to no file of the
 * host: what stands at `/vault/NAME` only the vault can tell.
 */
export function createVault(folder: string): DiskBackend {
  const fileOf = (locator: string) => join(folder, locator.slice("/vault/".length));
  const storage: StateStorage = {
    async find(locators) {
      const found = new Map<string, StoredState | undefined>();
      for (const locator of locators.filter((name) => NAME.test(name))) {
        const identity = await identifyFile(fileOf(locator));
        found.set(locator, identity === undefined ? undefined : { identity });
      }
      return found;
    },
    nameFor({ path }, snapshotName) {
      const digest = createHash("sha256").update(`${path}\0${snapshotName}`).digest("hex");
      const readable = snapshotName.replace(/[^a-z0-9]+/g, "-").slice(0, 30);
      return `/vault/${readable}-${digest.slice(0, 20)}`;
    },
  };
  const inside = (image: ImageRef): ImageRef =>
    NAME.test(image.path) ? { ...image, type: "file", path: fileOf(image.path) } : image;

  return {
    id: "vault",
    summary: "copies of raw images in a vault",
    externalKind: "copy",
    defaultFormat: "raw",
    storage,
    offer(disk, { mode, format = "raw" }) {
      if (disk.type !== "file" || !isRaw(disk)) return undefined;
      if (mode !== "external" || format !== "raw") return undefined;
      return { rank: RANK.generic + 2, reason: "any raw image can be kept in the vault" };
    },
    forms: () => [{ mode: "external", format: "raw" }],
    assess: (disk, wish) => archiveBackend.assess(disk, wish),
    async inspect(image) {
      const info = await archiveBackend.inspect(inside(image));
      return { ...info, path: image.path };
    },
    findDependents: ({ path }, candidates) => findBackedBy(path, [], candidates),
    operations: within(archiveOperations, inside, (file) =>
      file.startsWith(`${folder}/`) ? `/vault/${file.slice(folder.length + 1)}` : file,
    ),
  };
}

/** The operations of files, on the files in which a vault keeps its states. */
function within(
  operations: DiskOperations,
  inside: (image: ImageRef) => ImageRef,
  nameOf: (file: string) => string,
): DiskOperations {
  const ofFiles = (evidence: Evidence): Evidence => ({
    token: evidence.token,
    found: (place) => evidence.found(nameOf(place)),
    made: (place) => evidence.made(nameOf(place)),
    record: (place, identity) => evidence.record(nameOf(place), identity),
  });
  const translate = (operation: object): never => {
    const images = (_key: string, value: unknown) =>
      isImage(value) && value.path.startsWith("/vault/") ? inside(value) : value;
    return JSON.parse(JSON.stringify(operation), images) as never;
  };
  const call = (step: unknown): unknown =>
    isStep(step)
      ? (operation: object, context: OperationContext) =>
          step(translate(operation), { ...context, evidence: ofFiles(context.evidence) })
      : step;
  return Object.fromEntries(
    Object.entries(operations).map(([kind, work]) => [
      kind,
      Object.fromEntries(Object.entries(work).map(([name, step]) => [name, call(step)])),
    ]),
  );
}

type Step = (operation: object, context: OperationContext) => unknown;

function isStep(value: unknown): value is Step {
  return typeof value === "function";
}

function isImage(value: unknown): value is ImageRef {
  return typeof value === "object" && value !== null && "path" in value && "format" in value;
}

export const plugin = new ContainerModule(({ bind }) => {
  const folder = process.env["VAULT_FOLDER"] ?? tmpdir();
  bind<DiskBackend>(DiskBackend).toConstantValue(createVault(folder));
});
