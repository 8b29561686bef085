import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DomsnapError, type ErrorCode } from "../core/errors/index.js";
import type { DomainDisk, ImageFormat, ImageRef } from "../core/model/index.js";
import type {
  DiskOperation,
  MergeStep,
  OperationOf,
  RevertStep,
  SnapshotStep,
} from "../core/plan/operation.js";
import type { DiskBackend, DiskWish, OperationContext } from "../core/ports/index.js";

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
  /** Gives back what the fixture holds; the folder is removed by the suite. */
  close?(): Promise<void>;
}

export interface DiskBackendFactory {
  readonly forms: readonly DiskForm[];
  /** Called once for each test with an empty folder of its own. */
  open(folder: string): Promise<DiskBackendFixture>;
}

/**
 * The contract of a disk backend as mocha tests, run against real images by every backend of
 * domsnap and by those of other packages. Works offline: no image is in use by a guest.
 */
export function describeDiskBackend(name: string, factory: DiskBackendFactory): void {
  describe(`disk backend ${name}`, () => {
    for (const form of factory.forms)
      describe(describeForm(form), () => {
        let world: World;
        beforeEach(async () => {
          world = await openWorld(factory, form);
        });
        afterEach(() => world.close());

        const world_ = () => world;
        describeClaims(world_, form);
        describeCreate(world_);
        describeFailure(world_);
        describeRevert(world_);
        if (form.mode === "external") describeFiles(world_);
        describeGivingUp(world_);
        describeInspection(world_, form);
      });
  });
}

type WorldOf = () => World;

function describeClaims(world: WorldOf, form: DiskForm): void {
  it("claims the disk in this form, and no disk that is left out", async () => {
    const { backend, domainDisk } = world();
    const [image] = await world().makeImages(1);
    const disk = domainDisk("vda", image);
    const wish = { mode: form.mode, ...(form.fileFormat && { format: form.fileFormat }) };
    assert.equal(backend.claims(disk, wish), true);
    assert.equal(backend.claims(disk, { mode: "no" }), false);
    assert.equal(backend.claims(disk, { mode: "manual" }), false);
    assert.equal(backend.claims(disk, {}), false);
  });

  for (const verb of ["create", "revert", "delete"] as const)
    it(`finds a good image possible to ${verb}`, async () => {
      const [image] = await world().makeImages(1);
      const disk = world().domainDisk("vda", image);
      const verdict = await world().backend.assess(disk, world().wish(verb));
      assert.deepEqual(verdict, { possible: true });
    });

  it("tells a reason and a remedy for a missing image", async () => {
    const image = world().imageRef("missing");
    const disk = world().domainDisk("vda", image);
    const verdict = await world().backend.assess(disk, world().wish("create"));
    assert.equal(verdict.possible, false);
    assert.ok(!verdict.possible && verdict.reason.includes(image.path), "names the image");
    assert.ok(!verdict.possible && verdict.remedy !== "", "has a remedy");
  });

  it("tells a reason and a remedy for an empty drive", async () => {
    const disk = world().domainDisk("hdc", undefined);
    const verdict = await world().backend.assess(disk, world().wish("create"));
    assert.equal(verdict.possible, false);
    assert.ok(!verdict.possible && verdict.reason.includes("hdc") && verdict.remedy !== "");
  });
}

function describeCreate(world: WorldOf): void {
  it("keeps the state of a group while the guest goes on", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    const kept = await world().hashAll(images);
    await world().run(operation);
    for (const index of [0, 1]) await world().guestWrites(step(index), 0xee);
    for (const index of [0, 1])
      assert.equal(await world().hashOfState(operation.snapshot, step(index)), kept[index]);
  });

  it("tells by settle whether it happened", async () => {
    const { operation } = await world().planSnapshot(2);
    assert.equal(await world().settle(operation), "not-done");
    await world().run(operation);
    assert.equal(await world().settle(operation), "done");
    assert.equal(await world().settleElsewhere(operation), "done");
  });

  it("runs twice like once", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    const kept = await world().hashAll(images);
    await world().run(operation);
    const files = await world().listFiles();
    await world().run(operation);
    await world().runElsewhere(operation);
    assert.deepEqual(await world().listFiles(), files);
    assert.equal(await world().settle(operation), "done");
    for (const index of [0, 1])
      assert.equal(await world().hashOfState(operation.snapshot, step(index)), kept[index]);
  });

  it("is undone without a trace, once or twice", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await world().run(operation);
    await world().undo(operation);
    assert.deepEqual(await world().photograph(images), before);
    await world().undoElsewhere(operation);
    assert.deepEqual(await world().photograph(images), before);
    assert.equal(await world().settle(operation), "not-done");
  });

  it("has nothing to undo when it never began", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await world().undo(operation);
    assert.deepEqual(await world().photograph(images), before);
  });

  it("goes on after half of the group was done", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const kept = await world().hashAll(images);
    await world().runElsewhere(firstOnly(operation));
    assert.equal(await world().settle(operation), "not-done");
    await world().run(operation);
    assert.equal(await world().settle(operation), "done");
    assert.deepEqual(await world().hashAll(images), kept);
  });

  it("takes back the half of a group that was done", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await world().runElsewhere(firstOnly(operation));
    await world().undo(operation);
    assert.deepEqual(await world().photograph(images), before);
  });

  it("takes names as they are", async () => {
    const names = ["-rf", "two  words", "quo'te\"s", "new\nline", "Größe,日本", "a:b", "$(id)"];
    for (const name of names) {
      const image = await world().makeImage(name);
      const operation = world().snapshotOf([image], `snapshot ${name}`);
      await world().run(operation);
      assert.equal(await world().settle(operation), "done", name);
      await world().undo(operation);
      assert.equal(await world().settle(operation), "not-done", name);
    }
  });
}

function describeFailure(world: WorldOf): void {
  it("leaves the first disk undone when the second fails", async () => {
    const [first, second] = await world().makeImages(2);
    const before = await world().photograph([first, second]);
    const operation = world().snapshotOf([first, world().imageRef("missing")]);
    await assertFails("image-missing", world().run(operation));
    await world().undo(operation);
    assert.deepEqual(await world().photograph([first, second]), before);
  });

  it("stops when it is cancelled, and leaves nothing", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await assertFails("cancelled", world().run(operation, AbortSignal.abort()));
    await world().undo(operation);
    assert.deepEqual(await world().photograph(images), before);
  });
}

function describeFiles(world: WorldOf): void {
  it("makes files that only their owner reads", async () => {
    const { operation } = await world().planSnapshot(2);
    await world().run(operation);
    for (const { file } of operation.disks)
      assert.equal(file && (await modeOf(file.path)).toString(8), "600");
  });

  it("does not touch a file that stands in the way", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    const inTheWay = fileOf(step(1)).path;
    await writeFile(inTheWay, "somebody's");
    const before = await world().photograph(images);
    await assertFails("image-conflict", world().run(operation));
    await world().undo(operation);
    assert.equal(await readFile(inTheWay, "utf8"), "somebody's");
    assert.deepEqual(await world().photograph(images), before);
  });

  it("fills an empty file, and empties it again", async () => {
    const { images, operation, step } = await world().planSnapshot(1);
    const file = fileOf(step(0)).path;
    await writeFile(file, "", { mode: 0o640 });
    const before = await world().photograph(images);
    const planned = withFileBefore(operation, "empty");
    await world().run(planned);
    assert.equal(await world().settle(planned), "done");
    assert.equal((await modeOf(file)).toString(8), "640", "the user's own mode stays");
    await world().undo(planned);
    assert.equal((await stat(file)).size, 0);
    assert.deepEqual(await world().photograph(images), before);
  });

  it("never removes a file that it was told to reuse", async () => {
    const { operation, step } = await world().planSnapshot(1);
    await world().run(operation);
    const reused = withFileBefore(operation, "reused");
    await world().run(reused);
    assert.equal(await world().settle(reused), "done");
    await world().undo(reused);
    await stat(fileOf(step(0)).path);
  });
}

function describeRevert(world: WorldOf): void {
  it("brings the kept state back", async () => {
    const { kept, stage, revert } = await world().planRevert(2);
    await world().run(stage);
    await world().run(revert);
    assert.equal(await world().settle(revert), "done");
    assert.deepEqual(await world().hashAll(revert.disks.map(imageAfterRevert(world()))), kept);
  });

  it("stages beside the present state and can give up", async () => {
    const { present, images, stage } = await world().planRevert(2);
    const files = await world().listFiles();
    await world().run(stage);
    assert.equal(await world().settle(stage), "done");
    assert.deepEqual(await world().hashAll(images), present);
    await world().undo(stage);
    await world().undoElsewhere(stage);
    assert.deepEqual(await world().listFiles(), files);
    assert.deepEqual(await world().hashAll(images), present);
  });

  it("can be repeated after a crash in either half", async () => {
    const { kept, stage, revert } = await world().planRevert(2);
    await world().runElsewhere(firstOnly(stage));
    await world().run(stage);
    await world().runElsewhere(stage);
    await world().runElsewhere(firstOnly(revert));
    await world().runElsewhere(revert);
    await world().run(revert);
    assert.equal(await world().settleElsewhere(revert), "done");
    assert.deepEqual(await world().hashAll(revert.disks.map(imageAfterRevert(world()))), kept);
  });

  it("refuses to stage before anything changed when a state is missing", async () => {
    const { present, images, stage } = await world().planRevert(2);
    const files = await world().listFiles();
    const broken = { ...stage, snapshot: "never taken", disks: stage.disks.map(losing(1)) };
    await assert.rejects(world().run(broken), DomsnapError);
    await world().undo(broken);
    assert.deepEqual(await world().listFiles(), files);
    assert.deepEqual(await world().hashAll(images), present);
  });
}

function describeGivingUp(world: WorldOf): void {
  it("gives up one state and keeps all others", async () => {
    const { first, second, kept, giveUp } = await world().planGivingUp();
    assert.ok(first.operation.snapshot !== second.operation.snapshot);
    for (const operation of giveUp) {
      await world().run(operation);
      assert.equal(await world().settle(operation), "done");
    }
    assert.equal(await world().hashPresent(second), kept.present);
    for (const operation of giveUp) await world().runElsewhere(operation);
    assert.equal(await world().hashPresent(second), kept.present);
    assert.equal(await world().hashSecond(second), kept.second);
  });
}

function describeInspection(world: WorldOf, form: DiskForm): void {
  it("reads what an image is", async () => {
    const [image] = await world().makeImages(1);
    const info = await world().backend.inspect(image);
    assert.equal(info.path, image.path);
    assert.equal(info.format, form.imageFormat);
    assert.equal(info.virtualSizeBytes, CONTENT_BYTES);
    assert.equal(info.backing, undefined);
    assert.deepEqual(info.snapshots, []);
  });

  it("throws image-missing for no image", async () => {
    await assertFails("image-missing", world().backend.inspect(world().imageRef("missing")));
  });

  it("finds what depends on an image", async () => {
    const { images, operation, step } = await world().planSnapshot(1);
    const [image] = images;
    assert.ok(image);
    assert.deepEqual(await world().backend.findDependents(image), []);
    await world().run(operation);
    const dependents = await world().backend.findDependents(image);
    assert.deepEqual(dependents, world().makesOverlays ? [fileOf(step(0)).path] : []);
  });
}

const CONTENT_BYTES = 1024 * 1024;
const NO_PROGRESS = () => undefined;

interface PlannedSnapshot {
  readonly images: readonly ImageRef[];
  readonly operation: OperationOf<"disks.snapshot">;
  readonly step: (index: number) => SnapshotStep;
}

/** One test's folder, with a backend and a second one that knows nothing of the first's calls. */
class World {
  readonly warnings: string[] = [];
  private made = 0;

  constructor(
    private readonly folder: string,
    private readonly form: DiskForm,
    private readonly fixture: DiskBackendFixture,
    /** Stands for a new process after a crash. */
    private readonly successor: DiskBackendFixture,
  ) {}

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

  wish(verb: DiskWish["verb"]): DiskWish {
    const { mode, fileFormat } = this.form;
    return { verb, mode, live: false, ...(fileFormat && { format: fileFormat }) };
  }

  imageRef(name: string): ImageRef {
    return { path: join(this.folder, name), type: "file", format: this.form.imageFormat };
  }

  makeImage(name: string): Promise<ImageRef> {
    const content = Buffer.alloc(CONTENT_BYTES, ++this.made);
    return this.fixture.makeImage(join(this.folder, name), this.form.imageFormat, content);
  }

  async makeImages(count: 1): Promise<[ImageRef]>;
  async makeImages(count: 2): Promise<[ImageRef, ImageRef]>;
  async makeImages(count: number): Promise<ImageRef[]>;
  async makeImages(count: number): Promise<ImageRef[]> {
    const images: ImageRef[] = [];
    for (let index = 0; index < count; index++)
      images.push(await this.makeImage(`disk ${String(index)}.img`));
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
      if (this.form.mode === "internal") return { target, mode: "internal", image };
      const file = this.besides(image, snapshot);
      return { target, mode: "external", image, file, fileBefore: "absent" };
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
    const disks = operation.disks.map((step) => this.revertStep(step));
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
    return { first, second, kept, giveUp: this.givingUp(first.step(0), second) };
  }

  hashPresent(snapshot: PlannedSnapshot): Promise<string> {
    return this.hash(this.activeImage(snapshot.step(0)));
  }

  /** The state of the second snapshot; merged into the first image when overlays are used. */
  async hashSecond(snapshot: PlannedSnapshot): Promise<string> {
    const step = snapshot.step(0);
    if (!this.makesOverlays) return this.hashOfState(snapshot.operation.snapshot, step, "keep");
    const info = await this.backend.inspect(this.activeImage(step));
    const below = info.backing?.path;
    assert.ok(below !== undefined, "the present state has an image below");
    const format = (await this.isOverlay(below)) ? fileOf(step).format : this.form.imageFormat;
    return this.hash({ path: below, type: "file", format });
  }

  run(operation: DiskOperation, signal?: AbortSignal): Promise<void> {
    return this.backend.handler.run(operation, this.context(signal));
  }

  /** As a new process would, from the journal: nothing but the data of the operation is known. */
  runElsewhere(operation: DiskOperation): Promise<void> {
    return this.successor.backend.handler.run(structuredClone(operation), this.context());
  }

  undo(operation: DiskOperation): Promise<void> {
    return this.backend.handler.undo(operation, this.context());
  }

  undoElsewhere(operation: DiskOperation): Promise<void> {
    return this.successor.backend.handler.undo(structuredClone(operation), this.context());
  }

  settle(operation: DiskOperation): Promise<"done" | "not-done"> {
    return this.backend.handler.settle(operation, this.context());
  }

  settleElsewhere(operation: DiskOperation): Promise<"done" | "not-done"> {
    return this.successor.backend.handler.settle(structuredClone(operation), this.context());
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
    if (this.makesOverlays) return this.hash(step.image);
    if (this.form.mode === "external") return this.hash(fileOf(step));
    const before = present && (await readFile(step.image.path));
    const disks = [this.revertStep(step)];
    const backend = this.backend.id;
    await this.run({ kind: "disks.revert", backend, snapshot, disks });
    const hash = await this.hash(step.image);
    if (before) await writeFile(step.image.path, before);
    return hash;
  }

  async hashAll(images: readonly ImageRef[]): Promise<string[]> {
    const hashes: string[] = [];
    for (const image of images) hashes.push(await this.hash(image));
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
    return (await readdir(this.folder)).sort();
  }

  private async hash(image: ImageRef): Promise<string> {
    const content = await this.fixture.readImage(image);
    return createHash("sha256").update(content).digest("hex");
  }

  private async isOverlay(path: string): Promise<boolean> {
    return path.endsWith(".before") || path.endsWith(".after")
      ? Promise.resolve(true)
      : Promise.resolve(false);
  }

  private givingUp(step: SnapshotStep, later: PlannedSnapshot): DiskOperation[] {
    const backend = this.backend.id;
    if (!this.makesOverlays)
      return [{ kind: "disks.remove", backend, snapshot: "before", disks: [step] }];
    const overlay = fileOf(step);
    const relink = [fileOf(later.step(0))];
    const merge: MergeStep = { target: step.target, base: step.image, overlay, relink };
    return [
      { kind: "disks.merge", backend, snapshot: "before", disks: [merge] },
      { kind: "disks.discard", backend, files: [overlay] },
    ];
  }

  private revertStep(step: SnapshotStep): RevertStep {
    const { target, mode, image } = step;
    if (this.makesOverlays) return { target, mode, image, file: this.besides(image, "again") };
    return { target, mode, image, ...(step.file && { file: step.file }) };
  }

  private besides(image: ImageRef, suffix: string): ImageRef {
    const format = this.form.fileFormat ?? this.backend.defaultFormat;
    return { path: `${image.path}.${suffix.replaceAll("/", "_")}`, type: "file", format };
  }

  private context(signal = new AbortController().signal): OperationContext {
    return {
      domain: { name: "guest", uuid: "8c1d6b5e-7f0a-4a52-9d4c-3c2f4f1f6f11" },
      signal,
      progress: NO_PROGRESS,
      warn: (message) => this.warnings.push(message),
    };
  }
}

async function openWorld(factory: DiskBackendFactory, form: DiskForm): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "domsnap-contract-"));
  return new World(folder, form, await factory.open(folder), await factory.open(folder));
}

function imageAfterRevert(world: World): (step: RevertStep) => ImageRef {
  return (step) => (world.makesOverlays ? fileOf(step) : step.image);
}

/** The step at `index` with its state gone: the file, or (for overlays) the image below. */
function losing(index: number): (step: RevertStep, at: number) => RevertStep {
  return (step, position) => {
    if (position !== index) return step;
    const missing = { path: `${step.image.path}.missing`, type: "file" } as const;
    if (step.file?.format === "raw") return { ...step, file: { ...missing, format: "raw" } };
    return { ...step, image: { ...missing, format: step.image.format } };
  };
}

function firstOnly<Op extends { readonly disks: readonly unknown[] }>(operation: Op): Op {
  return { ...operation, disks: operation.disks.slice(0, 1) };
}

function withFileBefore(
  operation: OperationOf<"disks.snapshot">,
  fileBefore: NonNullable<SnapshotStep["fileBefore"]>,
): OperationOf<"disks.snapshot"> {
  return { ...operation, disks: operation.disks.map((step) => ({ ...step, fileBefore })) };
}

function fileOf(step: { readonly file?: ImageRef }): ImageRef {
  assert.ok(step.file, "the step has a file");
  return step.file;
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  assert.ok(item !== undefined);
  return item;
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

async function assertFails(code: ErrorCode, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => error instanceof DomsnapError && error.code === code);
}

function describeForm({ mode, imageFormat, fileFormat, driverName }: DiskForm): string {
  const made = fileFormat === undefined ? "" : ` in ${fileFormat}`;
  const driver = driverName === undefined ? "" : `, driver ${driverName}`;
  return `${mode}${made}, of a ${imageFormat} image${driver}`;
}
