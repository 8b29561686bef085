import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expect } from "chai";

import type {
  DiskOperation,
  DomainDisk,
  ImageFormat,
  ImageRef,
  MergeStep,
  OperationOf,
  RemoveStep,
  RevertStep,
  SnapshotStep,
} from "../core/model/index.js";
import type {
  DiskBackend,
  DiskWish,
  Identified,
  OperationContext,
  Settled,
} from "../core/ports/index.js";
import { identifyPlace } from "../host/file-identity.js";
import { tableRunner, type TableRunner } from "./carry-out.js";
import { SAMPLE_UUID } from "./samples.js";
import { TestEvidence } from "./test-evidence.js";

/** One way in which a backend keeps states; the suite is run for each. */
export interface DiskForm {
  readonly mode: "internal" | "external";
  /** Of the domain's image. */
  readonly imageFormat: ImageFormat;
  /** External: of the file that the snapshot makes. */
  readonly fileFormat?: ImageFormat;
  /** `driver/@name` of the domain's disk. */
  readonly driverName?: string;
}

/** A backend under test, and the means to play the guest. */
export interface DiskBackendFixture {
  readonly backend: DiskBackend;
  /** Makes an image that shows these bytes to a guest. */
  makeImage(path: string, format: ImageFormat, content: Buffer): Promise<ImageRef>;
  /** All that a guest sees in an image. */
  readImage(image: ImageRef): Promise<Buffer>;
  /** Fills the first 64 KiB with one byte, as a guest would. */
  writeImage(image: ImageRef, byte: number): Promise<void>;
  /** For a backend with a `storage`: how somebody else works in it. */
  readonly stranger?: StorageStranger;
  /** Gives back what the fixture holds; the folder is removed by the suite. */
  close?(): Promise<void>;
}

/** Somebody else who has access to a storage. */
export interface StorageStranger {
  /** Makes another state at a name, in place of what is there. */
  put(locator: string, content: string): Promise<void>;
  read(locator: string): Promise<string>;
}

/** How the suite gets backends to test. */
export interface DiskBackendFactory {
  readonly forms: readonly DiskForm[];
  /** Whether the backend keeps its states in a `storage`, and not in files. */
  readonly hasStorage?: boolean;
  /** Called once for each test with an empty folder of its own. */
  open(folder: string): Promise<DiskBackendFixture>;
}

/** Size of the images that the suite makes. */
export const CONTENT_BYTES = 1024 * 1024;
const FIRST_IMAGE = "disk 0.img";
const NO_PROGRESS = () => undefined;

export interface PlannedSnapshot {
  readonly images: readonly ImageRef[];
  readonly operation: OperationOf<"disks.snapshot">;
  readonly step: (index: number) => SnapshotStep;
}

/** One test's folder, with a backend and a second one that knows nothing of the first's calls. */
export class World {
  readonly warnings: string[] = [];
  readonly #evidence: TestEvidence;
  #made = 0;

  constructor(
    private readonly folder: string,
    private readonly form: DiskForm,
    private readonly fixture: DiskBackendFixture,
    /** Stands for a new process after a crash. */
    private readonly successor: DiskBackendFixture,
  ) {
    this.#evidence = new TestEvidence((place) => this.#identify(place));
  }

  get backend(): DiskBackend {
    return this.fixture.backend;
  }

  get makesOverlays(): boolean {
    return this.form.mode === "external" && this.backend.externalKind === "overlay";
  }

  async close(): Promise<void> {
    await this.fixture.close?.();
    await this.successor.close?.();
    await rm(this.folder, { recursive: true, force: true });
  }

  readonly domainDisk = (target: string, image: ImageRef | undefined): DomainDisk => ({
    target,
    device: "disk",
    type: "file",
    format: this.form.imageFormat,
    ...(this.form.driverName !== undefined && { driverName: this.form.driverName }),
    ...(image && { source: { path: image.path } }),
    readonly: false,
    shareable: false,
    transient: false,
  });

  /** Somebody who makes files, or states in the storage, without asking anybody. */
  get stranger(): StorageStranger {
    return this.fixture.stranger ?? fileStranger;
  }

  wish(verb: DiskWish["verb"]): DiskWish {
    const { mode, fileFormat } = this.form;
    return { verb, mode, live: false, ...(fileFormat && { format: fileFormat }) };
  }

  imageRef(name: string): ImageRef {
    return { path: join(this.folder, name), type: "file", format: this.form.imageFormat };
  }

  makeImage(name: string): Promise<ImageRef> {
    const content = Buffer.alloc(CONTENT_BYTES, ++this.#made);
    return this.fixture.makeImage(join(this.folder, name), this.form.imageFormat, content);
  }

  async makeImages(count: 1): Promise<[ImageRef]>;
  async makeImages(count: 2): Promise<[ImageRef, ImageRef]>;
  async makeImages(count: number): Promise<ImageRef[]>;
  async makeImages(count: number): Promise<ImageRef[]> {
    const images: ImageRef[] = [];
    for (let index = 0; index < count; index++)
      images.push(await this.makeImage(index === 0 ? FIRST_IMAGE : `disk ${String(index)}.img`));
    return images;
  }

  async planSnapshot(count: number): Promise<PlannedSnapshot> {
    const images = await this.makeImages(count);
    return this.planned(images, this.snapshotOf(images));
  }

  planned(images: readonly ImageRef[], operation: OperationOf<"disks.snapshot">): PlannedSnapshot {
    return { images, operation, step: (index) => at(operation.disks, index) };
  }

  snapshotOf(images: readonly ImageRef[], snapshot = "before"): OperationOf<"disks.snapshot"> {
    const disks = images.map((image, index): SnapshotStep => {
      const target = `vd${String.fromCharCode(97 + index)}`;
      if (this.form.mode === "internal") return { keeps: "inside", target, image };
      const file = this.#besides(image, snapshot);
      const before = "absent";
      return this.makesOverlays
        ? { keeps: "overlay", target, image, overlay: file, before }
        : { keeps: "copy", target, image, copy: file, before };
    });
    return { kind: "disks.snapshot", backend: this.backend.id, snapshot, disks };
  }

  /** A snapshot was taken and the guest went on. */
  async planRevert(count: number) {
    const { images, operation } = await this.planSnapshot(count);
    const kept = await this.hashAll(images);
    await this.run(operation);
    for (const step of operation.disks) await this.guestWrites(step, 0xee);
    const active = operation.disks.map((step) => this.activeImage(step));
    const disks = operation.disks.map((step) => this.#revertStep(step));
    const common = { backend: this.backend.id, snapshot: operation.snapshot, disks };
    return {
      images: active,
      kept,
      present: await this.hashAll(active),
      stage: { kind: "disks.stage", ...common } as const,
      revert: { kind: "disks.revert", ...common } as const,
    };
  }

  /** Two snapshots, each followed by a write; the first is to be given up. */
  async planGivingUp() {
    const first = await this.planSnapshot(1);
    await this.run(first.operation);
    await this.guestWrites(first.step(0), 0xaa);
    const image = this.activeImage(first.step(0));
    const second = this.planned([image], this.snapshotOf([image], "after"));
    await this.run(second.operation);
    const kept = { second: await this.hashSecond(second), present: "" };
    await this.guestWrites(second.step(0), 0xbb);
    kept.present = await this.hashPresent(second);
    return { second, kept, giveUp: this.#givingUp(first.step(0), second) };
  }

  hashPresent(snapshot: PlannedSnapshot): Promise<string> {
    return this.#hash(this.activeImage(snapshot.step(0)));
  }

  /** The state of the second snapshot; merged into the first image when overlays are used. */
  async hashSecond(snapshot: PlannedSnapshot): Promise<string> {
    const step = snapshot.step(0);
    if (!this.makesOverlays) return this.hashOfState(snapshot.operation.snapshot, step, "keep");
    const below = (await this.backend.inspect(this.activeImage(step))).backing?.path;
    // The overlay of the first snapshot, or what it was merged into.
    const base = below === step.image.path ? step.image : this.imageRef(FIRST_IMAGE);
    expect(below).to.equal(base.path);
    return this.#hash(base);
  }

  run(operation: DiskOperation, signal?: AbortSignal): Promise<void> {
    return this.#here().run(operation, this.#context(signal));
  }

  /** What a plan with this operation would find before it begins. */
  survey(operation: DiskOperation): Promise<void> {
    return this.#evidence.survey(operation);
  }

  /** As a new process would, from the journal: nothing but the operation and the evidence is known. */
  runElsewhere(operation: DiskOperation): Promise<void> {
    return this.#elsewhere().run(structuredClone(operation), this.#context());
  }

  undo(operation: DiskOperation): Promise<void> {
    return this.#here().undo(operation, this.#context());
  }

  undoElsewhere(operation: DiskOperation): Promise<void> {
    return this.#elsewhere().undo(structuredClone(operation), this.#context());
  }

  settle(operation: DiskOperation): Promise<Settled> {
    return this.#here().settle(operation, this.#context());
  }

  settleElsewhere(operation: DiskOperation): Promise<Settled> {
    return this.#elsewhere().settle(structuredClone(operation), this.#context());
  }

  /** Of what is in the storage, the storage tells. */
  async #identify(place: string): Promise<readonly Identified[]> {
    const stored = await this.backend.storage?.find([place]);
    if (!stored?.has(place)) return identifyPlace(place);
    const state = stored.get(place);
    return state ? [{ place, identity: state.identity }] : [];
  }

  #here(): TableRunner {
    return tableRunner(this.backend.operations, this.#evidence);
  }

  #elsewhere(): TableRunner {
    return tableRunner(this.successor.backend.operations, this.#evidence);
  }

  guestWrites(step: SnapshotStep, byte: number): Promise<void> {
    return this.fixture.writeImage(this.activeImage(step), byte);
  }

  /** What the domain uses once the snapshot is taken. */
  activeImage(step: SnapshotStep): ImageRef {
    return this.makesOverlays ? fileOf(step) : step.image;
  }

  /** Hash of what a snapshot keeps; `keep` leaves the present state as it is. */
  async hashOfState(snapshot: string, step: SnapshotStep, present?: "keep"): Promise<string> {
    if (this.makesOverlays) return this.#hash(step.image);
    if (this.form.mode === "external") return this.#hash(fileOf(step));
    const before = present && (await readFile(step.image.path));
    const disks = [this.#revertStep(step)];
    const backend = this.backend.id;
    await this.run({ kind: "disks.revert", backend, snapshot, disks });
    const hash = await this.#hash(step.image);
    if (before) await writeFile(step.image.path, before);
    return hash;
  }

  async hashAll(images: readonly ImageRef[]): Promise<string[]> {
    const hashes: string[] = [];
    for (const image of images) hashes.push(await this.#hash(image));
    return hashes;
  }

  /** All that an undo has to bring back: the files of the folder, and what images show and hold. */
  async photograph(images: readonly ImageRef[]) {
    const tags: string[][] = [];
    for (const image of images)
      tags.push((await this.backend.inspect(image)).snapshots.map(({ tag }) => tag));
    return { files: await this.listFiles(), hashes: await this.hashAll(images), tags };
  }

  async listFiles(): Promise<string[]> {
    return (await readdir(this.folder, { recursive: true })).sort();
  }

  async #hash(image: ImageRef): Promise<string> {
    const content = await this.fixture.readImage(image);
    return createHash("sha256").update(content).digest("hex");
  }

  #givingUp(step: SnapshotStep, later: PlannedSnapshot): DiskOperation[] {
    const backend = this.backend.id;
    if (!this.makesOverlays)
      return [{ kind: "disks.remove", backend, snapshot: "before", disks: [removalOf(step)] }];
    const overlay = fileOf(step);
    const keepsPath = this.backend.keepsPaths === true;
    const merge: MergeStep = {
      target: step.target,
      base: step.image,
      overlay,
      relink: [fileOf(later.step(0))],
      into: keepsPath ? "renamed" : "base",
    };
    return [
      { kind: "disks.merge", backend, snapshot: "before", disks: [merge] },
      { kind: "disks.discard", backend, files: [keepsPath ? step.image : overlay] },
    ];
  }

  #revertStep(step: SnapshotStep): RevertStep {
    const { target, image } = step;
    return this.makesOverlays
      ? { keeps: "overlay", target, image, overlay: this.#besides(image, "again") }
      : removalOf(step);
  }

  #besides(image: ImageRef, suffix: string): ImageRef {
    const format = this.form.fileFormat ?? this.backend.defaultFormat;
    const stored = this.backend.storage?.nameFor(image, suffix);
    if (stored !== undefined) return { path: stored, type: "block", format };
    return { path: `${image.path}.${suffix.replaceAll("/", "_")}`, type: "file", format };
  }

  #context(signal = new AbortController().signal): OperationContext {
    return {
      domain: { name: "guest", uuid: SAMPLE_UUID },
      evidence: this.#evidence,
      commit: () => Promise.resolve(),
      signal,
      progress: NO_PROGRESS,
      warn: (message) => this.warnings.push(message),
    };
  }
}

const fileStranger: StorageStranger = {
  async put(path, content) {
    await rm(path, { force: true });
    await writeFile(path, content);
  },
  read: (path) => readFile(path, "utf8"),
};

export async function openWorld(factory: DiskBackendFactory, form: DiskForm): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "domsnap-contract-"));
  return new World(folder, form, await factory.open(folder), await factory.open(folder));
}

/** The file that an external step makes or reads. */
export function fileOf(step: SnapshotStep | RevertStep): ImageRef {
  if (step.keeps === "inside") throw new Error(`no file for ${step.target}`);
  return step.keeps === "copy" ? step.copy : step.overlay;
}

/** A state inside of an image or in a copy is found alike by a revert and by a removal. */
function removalOf(step: SnapshotStep): RemoveStep {
  const { target, image } = step;
  return step.keeps === "copy"
    ? { keeps: "copy", target, image, copy: step.copy }
    : { keeps: "inside", target, image };
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new Error(`no item ${String(index)}`);
  return item;
}
