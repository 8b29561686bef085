import { readFile, stat, writeFile } from "node:fs/promises";

import { expect } from "chai";

import { DomsnapError } from "../core/errors/index.js";
import {
  RANK,
  type FileBefore,
  type ImageRef,
  type OperationOf,
  type RevertStep,
  type SnapshotForm,
  type SnapshotStep,
} from "../core/model/index.js";
import type { DiskVerdict } from "../core/ports/index.js";
import {
  CONTENT_BYTES,
  fileOf,
  openWorld,
  type DiskBackendFactory,
  type DiskForm,
  type World,
} from "./disk-backend-world.js";
import { expectError } from "./expect-error.js";

export type {
  DiskBackendFactory,
  DiskBackendFixture,
  DiskForm,
  StorageStranger,
} from "./disk-backend-world.js";

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

        const worldOfTest = () => world;
        describeOffer(worldOfTest, form);
        describeCreate(worldOfTest);
        describeFailure(worldOfTest);
        if (form.mode === "external") describeStrangers(worldOfTest);
        if (form.mode === "external") describePlaces(worldOfTest, factory);
        describeRevert(worldOfTest);
        describeGivingUp(worldOfTest);
        describeInspection(worldOfTest, form);
      });
  });
}

type WorldOf = () => World;

function describeOffer(world: WorldOf, form: DiskForm): void {
  it("offers to keep the disk in this form, and always says the same", async () => {
    const { backend, domainDisk } = world();
    const [image] = await world().makeImages(1);
    const disk = domainDisk("vda", image);
    const offer = backend.offer(disk, snapshotForm(form));
    expect(offer?.rank).to.be.finite.and.greaterThan(RANK.refuses);
    expect(offer?.reason).to.not.equal("");
    expect(backend.offer(disk, snapshotForm(form)), "asked again").to.deep.equal(offer);
    expect(backend.forms(disk)).not.to.deep.equal([]);
    for (const told of backend.forms(disk)) expect(told.mode).to.be.oneOf(["internal", "external"]);
  });

  it("has an id that can stand in an option and in a record, and says what it does", () => {
    expect(world().backend.id).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(world().backend.summary).not.to.equal("");
  });

  for (const verb of ["create", "revert", "delete"] as const)
    it(`finds a good image possible to ${verb}`, async () => {
      const [image] = await world().makeImages(1);
      const disk = world().domainDisk("vda", image);
      const verdict = await world().backend.assess(disk, world().wish(verb));
      expect(verdict).to.deep.equal({ possible: true });
    });

  it("tells a reason and a remedy for a missing image", async () => {
    const image = world().imageRef("missing");
    const disk = world().domainDisk("vda", image);
    const verdict = await world().backend.assess(disk, world().wish("create"));
    expectRefusal(verdict, image.path);
  });

  it("tells a reason and a remedy for an empty drive", async () => {
    const disk = world().domainDisk("hdc", undefined);
    const verdict = await world().backend.assess(disk, world().wish("create"));
    expectRefusal(verdict, "hdc");
  });
}

function describeCreate(world: WorldOf): void {
  it("keeps the state of a group while the guest goes on", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    const kept = await world().hashAll(images);
    await world().run(operation);
    for (const index of [0, 1]) await world().guestWrites(step(index), 0xee);
    for (const index of [0, 1])
      expect(await world().hashOfState(operation.snapshot, step(index))).to.equal(kept[index]);
  });

  it("tells by settle whether it happened", async () => {
    const { operation } = await world().planSnapshot(2);
    expect(await world().settle(operation)).to.equal("not-done");
    await world().run(operation);
    expect(await world().settle(operation)).to.equal("done");
    expect(await world().settleElsewhere(operation)).to.equal("done");
  });

  it("runs twice like once", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    const kept = await world().hashAll(images);
    await world().run(operation);
    const files = await world().listFiles();
    await world().run(operation);
    await world().runElsewhere(operation);
    expect(await world().listFiles()).to.deep.equal(files);
    expect(await world().settle(operation)).to.equal("done");
    for (const index of [0, 1])
      expect(await world().hashOfState(operation.snapshot, step(index))).to.equal(kept[index]);
  });

  it("is undone without a trace, once or twice", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await world().run(operation);
    await world().undo(operation);
    expect(await world().photograph(images)).to.deep.equal(before);
    await world().undoElsewhere(operation);
    expect(await world().photograph(images)).to.deep.equal(before);
    expect(await world().settle(operation)).to.equal("not-done");
  });

  it("has nothing to undo when it never began", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await world().undo(operation);
    expect(await world().photograph(images)).to.deep.equal(before);
  });

  it("goes on after half of the group was done", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const kept = await world().hashAll(images);
    await world().runElsewhere(firstOnly(operation));
    expect(await world().settle(operation)).to.equal("not-done");
    await world().run(operation);
    expect(await world().settle(operation)).to.equal("done");
    expect(await world().hashAll(images)).to.deep.equal(kept);
  });

  it("takes back the half of a group that was done", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await world().runElsewhere(firstOnly(operation));
    await world().undo(operation);
    expect(await world().photograph(images)).to.deep.equal(before);
  });

  it("takes names as they are", async () => {
    const names = ["-rf", "two  words", "quo'te\"s", "new\nline", "Größe,日本", "a:b", "$(id)"];
    for (const name of names) {
      const image = await world().makeImage(name);
      const operation = world().snapshotOf([image], `snapshot ${name}`);
      await world().run(operation);
      expect(await world().settle(operation), name).to.equal("done");
      await world().undo(operation);
      expect(await world().settle(operation), name).to.equal("not-done");
    }
  });
}

function describeFailure(world: WorldOf): void {
  it("leaves the first disk undone when the second fails", async () => {
    const [first, second] = await world().makeImages(2);
    const before = await world().photograph([first, second]);
    const operation = world().snapshotOf([first, world().imageRef("missing")]);
    await expectError(world().run(operation), "image-missing");
    await world().undo(operation);
    expect(await world().photograph([first, second])).to.deep.equal(before);
  });

  it("stops when it is cancelled, and leaves nothing", async () => {
    const { images, operation } = await world().planSnapshot(2);
    const before = await world().photograph(images);
    await expectError(world().run(operation, AbortSignal.abort()), "cancelled");
    await world().undo(operation);
    expect(await world().photograph(images)).to.deep.equal(before);
  });
}

function describeStrangers(world: WorldOf): void {
  it("never removes a file that took the place of what it made", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    await world().run(operation);
    const place = fileOf(step(1)).path;
    await world().stranger.put(place, "somebody's");
    await world().undo(operation);
    await world().undoElsewhere(operation);
    expect(await world().stranger.read(place)).to.equal("somebody's");
    expect(await world().settle(operation)).to.equal("not-done");
    expect(await world().hashAll(images)).to.have.length(2);
  });

  it("leaves a file that took the name of one to discard, and tells", async () => {
    const { operation, step } = await world().planSnapshot(1);
    await world().run(operation);
    const file = fileOf(step(0));
    const discard = { kind: "disks.discard", backend: world().backend.id, files: [file] } as const;
    await world().survey(discard);
    await world().stranger.put(file.path, "somebody's");
    await world().run(discard);
    expect(await world().stranger.read(file.path)).to.equal("somebody's");
    expect(world().warnings.join()).to.include(file.path);
    expect(await world().settle(discard)).to.equal("done");
  });

  it("does not touch a file that stands in the way", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    const inTheWay = fileOf(step(1)).path;
    await world().stranger.put(inTheWay, "somebody's");
    const before = await world().photograph(images);
    await expectError(world().run(operation), "image-conflict");
    await world().undo(operation);
    expect(await world().stranger.read(inTheWay)).to.equal("somebody's");
    expect(await world().photograph(images)).to.deep.equal(before);
  });
}

/** What depends on where the states are: in files, or in a storage. */
function describePlaces(world: WorldOf, factory: DiskBackendFactory): void {
  if (factory.hasStorage === true) describeStorage(world);
  else describeFiles(world);
}

function describeStorage(world: WorldOf): void {
  const storageOf = () => world().backend.storage ?? fail("it has no storage");

  it("tells what is in its storage, what is free, and nothing of other places", async () => {
    const { images, operation, step } = await world().planSnapshot(2);
    const names = [fileOf(step(0)).path, fileOf(step(1)).path];
    const others = [...images.map(({ path }) => path), "/", "relative", ""];
    const find = async () => new Map(await storageOf().find([...names, ...others]));
    const free = new Map(names.map((name) => [name, undefined]));
    expect(await find()).to.deep.equal(free);
    await world().run(operation);
    const found = await find();
    expect([...found.keys()].sort()).to.deep.equal([...names].sort());
    const identities = names.map((name) => found.get(name)?.identity ?? fail(`no ${name}`));
    expect(new Set(identities).size).to.equal(2);
    await world().undo(operation);
    expect(await find()).to.deep.equal(free);
  });

  it("gives each snapshot of an image its own name, whatever it is called", async () => {
    const image = world().imageRef("it's a strange\n name");
    const names = ["s1", "s2", "-s", "a/b", "..", "snapshot", "Größe", "x".repeat(400)];
    const stored = names.map((name) => storageOf().nameFor(image, name));
    expect(new Set(stored).size).to.equal(names.length);
    expect(names.map((name) => storageOf().nameFor(image, name))).to.deep.equal(stored);
    expect([...(await storageOf().find(stored)).keys()].sort()).to.deep.equal([...stored].sort());
  });
}

function describeFiles(world: WorldOf): void {
  it("makes files that only their owner reads", async () => {
    const { operation } = await world().planSnapshot(2);
    await world().run(operation);
    for (const step of operation.disks)
      expect((await modeOf(fileOf(step).path)).toString(8)).to.equal("600");
  });

  it("fills an empty file, and empties it again", async () => {
    const { images, operation, step } = await world().planSnapshot(1);
    const file = fileOf(step(0)).path;
    await writeFile(file, "", { mode: 0o640 });
    const before = await world().photograph(images);
    const planned = withFileBefore(operation, "empty");
    await world().run(planned);
    await world().runElsewhere(planned);
    expect(await world().settle(planned)).to.equal("done");
    expect((await modeOf(file)).toString(8), "the user's own mode stays").to.equal("640");
    await world().undo(planned);
    expect((await stat(file)).size).to.equal(0);
    expect(await world().photograph(images)).to.deep.equal(before);
  });

  it("does not touch a file that is no longer empty", async () => {
    const { images, operation, step } = await world().planSnapshot(1);
    const file = fileOf(step(0)).path;
    await writeFile(file, "somebody's");
    const before = await world().photograph(images);
    const planned = withFileBefore(operation, "empty");
    await expectError(world().run(planned), "image-conflict");
    await world().undo(planned);
    expect(await readFile(file, "utf8")).to.equal("somebody's");
    expect(await world().photograph(images)).to.deep.equal(before);
  });

  it("never removes a file that it was told to reuse", async () => {
    const { operation, step } = await world().planSnapshot(1);
    await world().run(operation);
    const reused = withFileBefore(operation, "reused");
    await world().run(reused);
    expect(await world().settle(reused)).to.equal("done");
    await world().undo(reused);
    await stat(fileOf(step(0)).path);
  });
}

function describeRevert(world: WorldOf): void {
  it("brings the kept state back", async () => {
    const { kept, stage, revert } = await world().planRevert(2);
    await world().run(stage);
    await world().run(revert);
    expect(await world().settle(revert)).to.equal("done");
    expect(await world().hashAll(revert.disks.map(imageAfterRevert(world())))).to.deep.equal(kept);
  });

  it("stages beside the present state and can give up", async () => {
    const { present, images, stage } = await world().planRevert(2);
    const files = await world().listFiles();
    await world().run(stage);
    expect(await world().settle(stage)).to.equal("done");
    expect(await world().hashAll(images)).to.deep.equal(present);
    await world().undo(stage);
    await world().undoElsewhere(stage);
    expect(await world().listFiles()).to.deep.equal(files);
    expect(await world().hashAll(images)).to.deep.equal(present);
  });

  it("can be repeated after a crash in either half", async () => {
    const { kept, stage, revert } = await world().planRevert(2);
    await world().runElsewhere(firstOnly(stage));
    await world().run(stage);
    await world().runElsewhere(stage);
    await world().runElsewhere(firstOnly(revert));
    await world().runElsewhere(revert);
    await world().run(revert);
    expect(await world().settleElsewhere(revert)).to.equal("done");
    expect(await world().hashAll(revert.disks.map(imageAfterRevert(world())))).to.deep.equal(kept);
  });

  it("refuses to stage before anything changed when a state is missing", async () => {
    const { present, images, stage } = await world().planRevert(2);
    const files = await world().listFiles();
    const broken = { ...stage, snapshot: "never taken", disks: stage.disks.map(losing(1)) };
    expect(await failureOf(world().run(broken))).to.be.instanceOf(DomsnapError);
    await world().undo(broken);
    expect(await world().listFiles()).to.deep.equal(files);
    expect(await world().hashAll(images)).to.deep.equal(present);
  });
}

function describeGivingUp(world: WorldOf): void {
  it("gives up one state and keeps all others", async () => {
    const { second, kept, giveUp } = await world().planGivingUp();
    for (const operation of giveUp) {
      await world().run(operation);
      expect(await world().settle(operation)).to.equal("done");
    }
    expect(await world().hashPresent(second)).to.equal(kept.present);
    expect(world().warnings).to.deep.equal([]);
    for (const operation of giveUp) await world().runElsewhere(operation);
    expect(await world().hashPresent(second)).to.equal(kept.present);
    expect(await world().hashSecond(second)).to.equal(kept.second);
  });
}

function describeInspection(world: WorldOf, form: DiskForm): void {
  it("reads what an image is", async () => {
    const [image] = await world().makeImages(1);
    const info = await world().backend.inspect(image);
    expect(info.path).to.equal(image.path);
    expect(info.format).to.equal(form.imageFormat);
    expect(info.virtualSizeBytes).to.equal(CONTENT_BYTES);
    expect(info.backing).to.equal(undefined);
    expect(info.snapshots).to.deep.equal([]);
  });

  it("throws image-missing for no image", async () => {
    await expectError(world().backend.inspect(world().imageRef("missing")), "image-missing");
  });

  it("finds what depends on an image", async () => {
    const { operation, step } = await world().planSnapshot(1);
    const { image } = step(0);
    expect(await world().backend.findDependents(image)).to.deep.equal([]);
    await world().run(operation);
    const dependents = await world().backend.findDependents(image);
    expect(dependents).to.deep.equal(world().makesOverlays ? [fileOf(step(0)).path] : []);
  });
}

function snapshotForm({ mode, fileFormat }: DiskForm): SnapshotForm {
  return { mode, ...(fileFormat && { format: fileFormat }) };
}

function imageAfterRevert(world: World): (step: RevertStep) => ImageRef {
  return (step) => (world.makesOverlays ? fileOf(step) : step.image);
}

/** The step at `index` with its state gone: the file, or (for overlays) the image below. */
function losing(index: number): (step: RevertStep, at: number) => RevertStep {
  return (step, position) => {
    if (position !== index) return step;
    const missing = { path: `${step.image.path}.missing`, type: "file" } as const;
    if (step.keeps === "copy") return { ...step, copy: { ...missing, format: step.copy.format } };
    return { ...step, image: { ...missing, format: step.image.format } };
  };
}

function firstOnly<Op extends { readonly disks: readonly unknown[] }>(operation: Op): Op {
  return { ...operation, disks: operation.disks.slice(0, 1) };
}

function withFileBefore(
  operation: OperationOf<"disks.snapshot">,
  before: FileBefore,
): OperationOf<"disks.snapshot"> {
  const disks = operation.disks.map((step): SnapshotStep =>
    step.keeps === "inside" ? step : { ...step, before },
  );
  return { ...operation, disks };
}

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o777;
}

function expectRefusal(verdict: DiskVerdict, subject: string): void {
  if (verdict.possible) throw new Error("the disk was found possible");
  expect(verdict.reason).to.include(subject);
  expect(verdict.remedy).not.to.equal("");
}

function fail(reason: string): never {
  throw new Error(reason);
}

async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

function describeForm({ mode, imageFormat, fileFormat, driverName }: DiskForm): string {
  const made = fileFormat === undefined ? "" : ` in ${fileFormat}`;
  const driver = driverName === undefined ? "" : `, driver ${driverName}`;
  return `${mode}${made}, of a ${imageFormat} image${driver}`;
}
