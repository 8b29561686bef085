import { expect } from "chai";
import fc from "fast-check";

import { DomsnapError, type ErrorCode } from "../../../../src/core/errors/index.js";
import type {
  DiskSnapshot,
  DomainSnapshot,
  ImageFormat,
  Plan,
} from "../../../../src/core/model/index.js";
import { findDisk, imageOf, imagesOf, isTaken } from "../../../../src/core/plan/disk-images.js";
import { operationsOf } from "../../../../src/core/plan/plan-operations.js";
import { parseDomain } from "../../../../src/xml/index.js";
import {
  planOfCreate,
  planOfDelete,
  planOfRevert,
  type Decisions,
  type Situation,
} from "./decide.js";
import { BACKENDS } from "./backends.js";
import {
  BLOCKS,
  chainOf,
  contentInside,
  contentOf,
  imageAt,
  newImage,
  overlayOn,
  withImage,
  type Image,
} from "./images.js";
import { runOperation, undoOperation, type World } from "./simulate-plan.js";
import { domainOf } from "./survey.js";

/** How a disk begins: `linked` ones stand on a base that they share with another domain. */
export const DISK_KINDS = ["qcow2", "linked", "raw", "kernel", "tap"] as const;
export type DiskKind = (typeof DISK_KINDS)[number];

/** What happens to a guest and around it. Numbers choose among what there is. */
export type Step =
  | { readonly does: "write"; readonly disk: number; readonly block: number }
  | { readonly does: "create"; readonly forms: readonly number[] }
  | { readonly does: "revert" | "delete" | "clone"; readonly pick: number }
  | { readonly does: "switch" };

export const disks = fc.array(fc.constantFrom(...DISK_KINDS), { minLength: 1, maxLength: 3 });

export const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        does: fc.constant("write" as const),
        disk: fc.nat({ max: 2 }),
        block: fc.nat({ max: BLOCKS - 1 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        does: fc.constant("create" as const),
        forms: fc.array(fc.nat({ max: 5 }), { minLength: 3, maxLength: 3 }),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        does: fc.constantFrom("revert" as const, "delete" as const),
        pick: fc.nat(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ does: fc.constant("clone" as const), pick: fc.nat() }),
    },
    { weight: 2, arbitrary: fc.constant({ does: "switch" as const }) },
  ),
  { minLength: 1, maxLength: 30, size: "max" },
);

/** What a decision may refuse a request with; any other error is a failure. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...(["image-in-use", "config-unsupported", "disk-unsupported", "operation-unsupported"] as const),
]);

/** What was played, to prove that nothing was left out. */
export interface Tally {
  plans: number;
  refused: number;
  /** How often disks were treated in which way: `copy`, `merge into base`, ... */
  readonly ways: Map<string, number>;
}

export function newTally(): Tally {
  return { plans: 0, refused: 0, ways: new Map() };
}

export function addTally(sum: Tally, { plans, refused, ways }: Tally): void {
  sum.plans += plans;
  sum.refused += refused;
  for (const [way, count] of ways) sum.ways.set(way, (sum.ways.get(way) ?? 0) + count);
}

/** By target. */
type Contents = ReadonlyMap<string, string>;

/**
 * A guest whose every change is decided, planned and simulated, next to a plain account of what its
 * disks and snapshots have to hold. `check` compares the two.
 */
export class GuestModel {
  readonly tally = newTally();
  #world: World;
  readonly #foreign = new Map<string, string>();
  #present: Contents;
  readonly #held = new Map<string, Contents>();
  #clock = 1_700_000_000;
  #writes = 0;

  constructor(
    kinds: readonly DiskKind[],
    private readonly decisions: Decisions,
  ) {
    this.#world = newWorld(kinds);
    if (kinds.includes("linked")) this.#addForeign("/img/neighbour.qcow2", "/img/base.qcow2");
    this.#present = this.#contents();
  }

  get world(): World {
    return this.#world;
  }

  take(step: Step): void {
    this.#clock += 60;
    switch (step.does) {
      case "write":
        return this.#write(step.disk, step.block);
      case "create":
        return this.#create(step.forms);
      case "revert":
        return this.#revert(step.pick);
      case "delete":
        return this.#delete(step.pick);
      case "clone":
        return this.#clone(step.pick);
      case "switch":
        return this.#switch();
    }
  }

  /** Throws unless all that is kept can be read, and reads as it was. */
  check(): void {
    for (const path of this.#world.images.keys()) contentOf(this.#world.images, path);
    expect(this.#contents(), "the guest").to.deep.equal(this.#present);
    const records = [...this.#world.records.values()];
    expect(records.map(({ name }) => name).sort()).to.deep.equal([...this.#held.keys()].sort());
    for (const record of records)
      expect(heldContents(this.#world, record), `snapshot '${record.name}'`).to.deep.equal(
        this.#held.get(record.name),
      );
    for (const [path, content] of this.#foreign)
      expect(contentOf(this.#world.images, path), `image '${path}'`).to.equal(content);
    this.#assertApart();
  }

  /** Throws if the guest would change, with its next write, what something else is made of. */
  #assertApart(): void {
    const { images, records } = this.#world;
    const written = imagesOf(domainOf(this.#world).definition).map(({ path }) => path);
    const foreign = [...this.#foreign.keys()].map((path) => ["another domain", path] as const);
    const frozen = [...records.values()].flatMap((record) =>
      frozenImages(record).map((path) => [`snapshot '${record.name}'`, path] as const),
    );
    for (const [who, path] of [...foreign, ...frozen])
      expect(
        chainOf(images, path).filter((part) => written.includes(part)),
        `images of ${who} that the guest writes to`,
      ).to.deep.equal([]);
  }

  #write(disk: number, block: number): void {
    const { images } = this.#world;
    const { disks: all } = domainOf(this.#world).definition;
    const path = all[disk % all.length]?.source?.path ?? "";
    const image = imageAt(images, path);
    // Never the same twice: what was lost cannot come back by chance.
    const value = String.fromCodePoint(0x4e00 + this.#writes++);
    const layer = new Map([...image.layer, [block, value]]);
    this.#world = { ...this.#world, images: withImage(images, path, { ...image, layer }) };
    this.#present = this.#contents();
  }

  #create(forms: readonly number[]): void {
    const name = `s${String(this.#clock)}`;
    const { live } = this.#world;
    const wishes = domainOf(this.#world).definition.disks.map((disk, at): DiskSnapshot => {
      const able = FORMS.filter(
        (form) => (!live || form.mode === "external") && BACKENDS.capable(disk, form).length > 0,
      );
      const form = able[(forms[at] ?? 0) % (able.length + 1)] ?? { mode: "no" as const };
      return { name: disk.target, type: "file", ...form };
    });
    const plan = this.#plan((situation) =>
      wishes.every(({ mode }) => mode === "no")
        ? undefined
        : planOfCreate(this.decisions, situation, name, wishes),
    );
    if (!plan) return;
    const taken = wishes.filter(isTaken).map((disk) => disk.name);
    this.#held.set(name, pick(this.#present, taken));
    this.#execute(plan);
  }

  #revert(number: number): void {
    const record = this.#choose(number);
    const plan = record && this.#plan((now) => planOfRevert(this.decisions, now, record));
    if (!plan) return;
    this.#present = new Map([...this.#present, ...(this.#held.get(record.name) ?? [])]);
    this.#execute(plan);
  }

  #delete(number: number): void {
    const record = this.#choose(number);
    const plans = record && this.#plan((now) => planOfDelete(this.decisions, now, record));
    if (!plans) return;
    this.#held.delete(record.name);
    for (const plan of plans) this.#execute(plan);
  }

  /** Another domain gets an image of its own on one that is frozen, or that was left. */
  #clone(number: number): void {
    const record = this.#choose(number);
    const present = imagesOf(domainOf(this.#world).definition).map(({ path }) => path);
    const images = imagesOf(record?.domain).map(({ path }) => path);
    const left = images.filter((path) => !present.includes(path));
    const [base] = [...(record ? frozenImages(record) : []), ...left];
    if (base !== undefined) this.#addForeign(`/img/clone.${String(this.#clock)}`, base);
  }

  #switch(): void {
    const { live, ...off } = this.#world;
    this.#world = live ? off : { ...off, live: off.definition };
  }

  #addForeign(path: string, base: string): void {
    const { images } = this.#world;
    const { format } = imageAt(images, base);
    const overlay = overlayOn(images, base, format === "vhd" ? "vhd" : "qcow2");
    const mine: Image = { ...overlay, ours: false, layer: new Map([[0, "f"]]) };
    this.#world = { ...this.#world, images: withImage(images, path, mine) };
    this.#foreign.set(path, contentOf(this.#world.images, path));
  }

  #plan<Made>(decide: (situation: Situation) => Made | undefined): Made | undefined {
    const foreign = new Set(this.#foreign.keys());
    const situation: Situation = { world: this.#world, foreign, nowSeconds: this.#clock };
    try {
      return decide(situation);
    } catch (thrown) {
      if (!(thrown instanceof DomsnapError) || !REFUSALS.has(thrown.code)) throw thrown;
      this.tally.refused++;
      return undefined;
    }
  }

  #execute(plan: Plan): void {
    assertUndoable(this.#world, plan);
    this.#world = operationsOf(plan).reduce(runOperation, this.#world);
    this.tally.plans++;
    for (const way of waysOf(plan)) this.tally.ways.set(way, (this.tally.ways.get(way) ?? 0) + 1);
  }

  #choose(number: number): DomainSnapshot | undefined {
    const records = [...this.#world.records.values()];
    return records[number % Math.max(records.length, 1)];
  }

  #contents(): Contents {
    const { definition } = domainOf(this.#world);
    return new Map(
      definition.disks.map(({ target, source }) => [
        target,
        contentOf(this.#world.images, source?.path ?? ""),
      ]),
    );
  }
}

function waysOf(plan: Plan): string[] {
  return operationsOf(plan).flatMap((operation): string[] => {
    switch (operation.kind) {
      case "disks.snapshot":
      case "domain.capture":
        return operation.disks.map(({ keeps }) => `keep ${keeps}`);
      case "disks.revert":
        return operation.disks.map(({ keeps }) => `go back to ${keeps}`);
      case "disks.remove":
      case "domain.remove":
        return operation.disks.map(({ keeps }) => `drop ${keeps}`);
      case "disks.merge":
      case "domain.merge":
        return operation.disks.flatMap(({ into, relink }) => [
          `merge into ${into}`,
          ...(relink.length > 0 ? [`relink after ${into}`] : []),
        ]);
      case "disks.discard":
        return [`discard after ${plan.verb}`];
      default:
        return [operation.kind];
    }
  });
}

const FORMS: readonly { readonly mode: "internal" | "external"; readonly format?: ImageFormat }[] =
  [
    { mode: "internal" },
    { mode: "external", format: "qcow2" },
    { mode: "external", format: "raw" },
    { mode: "external", format: "vhd" },
  ];

/** Whatever part of the first half is done: undone, all is as it was. */
function assertUndoable(world: World, { before }: Plan): void {
  for (let count = 1; count <= before.length; count++) {
    const begun = before.slice(0, count);
    const undone = begun.reduceRight(undoOperation, begun.reduce(runOperation, world));
    expect(sorted(undone), `undone after ${String(count)} operations`).to.deep.equal(sorted(world));
  }
}

/** Maps compare by the order of their keys, which an undo may change. */
function sorted(world: World): unknown {
  const entries = <Value>(map: ReadonlyMap<string, Value>) =>
    [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  const { images, staged, records, ...rest } = world;
  return { ...rest, images: entries(images), staged: entries(staged), records: entries(records) };
}

/** The images that hold states of a record as they are, below overlays. */
function frozenImages({ domain, disks: kept }: DomainSnapshot): string[] {
  return kept.flatMap((disk) => {
    const backend = BACKENDS.keeperOf(findDisk(domain, disk.name), disk);
    const isFrozen = disk.mode === "external" && backend?.externalKind === "overlay";
    return isFrozen ? (imageOf(domain, disk.name)?.path ?? []) : [];
  });
}

/** What a record's disks hold, read as an administrator would who knows how they are kept. */
function heldContents({ images }: World, { name, domain, disks: kept }: DomainSnapshot): Contents {
  return new Map(
    kept.filter(isTaken).map((disk) => {
      const image = imageOf(domain, disk.name)?.path ?? "";
      if (disk.mode === "internal") return [disk.name, contentInside(images, image, name)];
      const backend = BACKENDS.keeperOf(findDisk(domain, disk.name), disk);
      const state = backend?.externalKind === "copy" ? (disk.source?.path ?? "") : image;
      return [disk.name, contentOf(images, state)];
    }),
  );
}

function pick(contents: Contents, targets: readonly string[]): Contents {
  return new Map([...contents].filter(([target]) => targets.includes(target)));
}

function newWorld(kinds: readonly DiskKind[]): World {
  const roots = kinds.map((kind, at) => ({ ...diskOf(kind), target: `vd${"abc".charAt(at)}` }));
  const disksXml = roots.map(
    ({ target, driver, format }) =>
      `<disk type='file' device='disk'>${driver}<source file='/img/${target}.${format}'/>` +
      `<target dev='${target}' bus='virtio'/></disk>`,
  );
  const definition = parseDomain(
    "<domain type='qemu'><name>guest</name><uuid>11111111-2222-3333-4444-555555555555</uuid>" +
      `<memory>65536</memory><os><type>hvm</type></os><devices>${disksXml.join("")}</devices></domain>`,
  );
  const base = newImage({ format: "qcow2", layer: new Map([[1, "b"]]) });
  const images = roots.map(({ target, format, backing }): [string, Image] => [
    `/img/${target}.${format}`,
    newImage({ format, ...(backing === undefined ? {} : { backing }) }),
  ]);
  return {
    images: new Map([["/img/base.qcow2", base], ...images]),
    staged: new Map(),
    definition,
    records: new Map(),
  };
}

interface NewDisk {
  readonly driver: string;
  readonly format: ImageFormat;
  readonly backing?: string;
}

function diskOf(kind: DiskKind): NewDisk {
  switch (kind) {
    case "qcow2":
      return { driver: "<driver name='qemu' type='qcow2'/>", format: "qcow2" };
    case "linked":
      return { ...diskOf("qcow2"), backing: "/img/base.qcow2" };
    case "raw":
      return { driver: "<driver name='qemu' type='raw'/>", format: "raw" };
    case "kernel":
      return { driver: "<driver name='file' type='raw'/>", format: "raw" };
    case "tap":
      return { driver: "<driver name='tap' type='vhd'/>", format: "vhd" };
  }
}
