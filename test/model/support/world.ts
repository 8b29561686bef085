import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

import { AWAY, compare, type Account, type Contents } from "./account.js";
import { contentOf, type Content } from "./cells.js";
import { differences, FileTree, type Photograph } from "./file-tree.js";
import { OwnedFiles } from "./owned-files.js";
import { inodesOf, readImage, type Image } from "./reading/images.js";
import {
  hasJournal,
  readDisks,
  readRecords,
  type HeldState,
  type SnapshotRecord,
} from "./reading/records.js";
import { Violation } from "./violation.js";

/** Domains have the uuids of their names, so that a script can be repeated by hand. */
export function uuidOf(domain: string): string {
  const digits = Buffer.from(domain).toString("hex").padEnd(12, "0").slice(0, 12);
  return `11111111-2222-4333-8444-${digits}`;
}

const GARBAGE = "nobody can make sense of this\n";

function isGarbage(path: string): boolean {
  return existsSync(path) && lstatSync(path).isFile() && readFileSync(path, "latin1") === GARBAGE;
}

/** What is there, as far as it changes and can be seen; else what was there. */
function adopted(was: Contents, is: Contents, changes: (target: string) => boolean): Contents {
  return new Map(
    [...is].map(([target, content]) => {
      const old = was.get(target);
      return [target, old !== undefined && (content === AWAY || !changes(target)) ? old : content];
    }),
  );
}

function asAway(contents: Contents = new Map()): Contents {
  return new Map([...contents.keys()].map((target) => [target, AWAY]));
}

/** Of definitions and records. */
const STATE = "conn/";
const LOCK = /^conn\/snapshots\/[^/]+\/lock$/;

/**
 * Some domains with their images in a folder, the account of what they have to hold, and the files
 * of the user. What happens there is played by `Script`.
 */
export class World {
  /** In memory if possible: every command flushes files to the disk. */
  readonly home = realpathSync(
    mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "model-")),
  );
  readonly definitions = join(this.home, "conn");
  readonly uri = `file://${this.definitions}`;
  account: Account = new Map();
  readonly owned = new OwnedFiles(this.home, (name, format) =>
    this.#contentOf({ path: this.path(name), format }, name),
  );
  readonly #tree = new FileTree(this.home, (name) => name.startsWith("away/") || LOCK.test(name));
  /** What is away for a while, with where it is meanwhile. */
  readonly #hidden = new Map<string, string>();

  constructor() {
    mkdirSync(this.definitions);
    mkdirSync(this.path("away"));
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.home, name);
  }

  stateFolder(domain: string): string {
    return join(this.definitions, "snapshots", uuidOf(domain));
  }

  photograph(): Photograph {
    return this.#tree.photograph();
  }

  hasJournal(): boolean {
    return [...this.account.keys()].some((domain) => hasJournal(this.stateFolder(domain)));
  }

  /** The images of a domain by target; none for one that is not defined. */
  disks(domain: string): Map<string, Image> {
    if (this.#isAway(join(this.definitions, `${domain}.xml`))) return new Map();
    return readDisks(this.definitions, domain) ?? new Map<string, Image>();
  }

  /** By domain. */
  records(): Map<string, Map<string, SnapshotRecord>> {
    return new Map([...this.account.keys()].map((domain) => [domain, this.#records(domain)]));
  }

  /** What is there now, read by means of our own. */
  observe(): Account {
    const found: Account = new Map();
    for (const domain of this.account.keys()) {
      const present = this.#present(domain);
      if (present) found.set(domain, { present, held: this.#held(domain) });
    }
    return found;
  }

  #present(domain: string): Contents | undefined {
    if (this.#isAway(join(this.definitions, `${domain}.xml`)))
      return asAway(this.account.get(domain)?.present);
    const disks = readDisks(this.definitions, domain);
    return disks && this.#contents(disks, `domain '${domain}'`);
  }

  #held(domain: string): Map<string, Contents> {
    const folder = this.stateFolder(domain);
    const away = [...(this.account.get(domain)?.held ?? [])].filter(([name]) =>
      this.#isAway(join(folder, `${name}.xml`)),
    );
    const there = [...this.#records(domain)].map(
      ([name, { states }]) =>
        [name, this.#contents(states, `snapshot '${name}' of '${domain}'`)] as const,
    );
    return new Map([
      ...away.map(([name, contents]) => [name, asAway(contents)] as const),
      ...there,
    ]);
  }

  /** Throws a `Violation` unless everything holds what it has to, and all of the user's is there. */
  verify(): void {
    compare(this.account, this.observe());
    this.owned.verify(this.photograph(), (name) => this.#isAway(this.path(name)));
  }

  /**
   * Whatever the work does is the user's deed: what disks hold afterwards is what they have to. What
   * snapshots hold is another thing, unless he lays hands on their records.
   */
  async asUser(
    work: () => void | Promise<void>,
    changes: (domain: string, target: string) => boolean = () => true,
  ): Promise<void> {
    const before = this.photograph();
    await work();
    const after = this.photograph();
    this.owned.follow(
      before,
      after,
      (name) => name.startsWith(STATE) || this.#isAway(this.path(name)),
    );
    const isRecorded = differences(before, after).some((line) => line.startsWith(STATE));
    const found = this.observe();
    for (const [domain, own] of this.account) {
      const { present = new Map<string, Content>(), held = new Map<string, Contents>() } =
        found.get(domain) ?? {};
      own.present = adopted(own.present, present, (target) => changes(domain, target));
      if (!isRecorded) continue;
      own.held = new Map(
        [...held].map(([name, contents]) => [
          name,
          adopted(own.held.get(name) ?? new Map(), contents, () => true),
        ]),
      );
    }
  }

  /** The disks of all domains that are in the very file that this one is in. */
  namesakes(domain: string, target: string): ReadonlySet<string> {
    const [top] = this.#inodes(this.disks(domain).get(target));
    const same = this.#disksOfAll().filter(({ image }) => this.#inodes(image)[0] === top);
    return new Set(same.map((disk) => `${disk.domain} ${disk.target}`));
  }

  /** Files of domsnap's that nothing is made of: neither the user's, nor definitions, nor used. */
  leftFiles(): string[] {
    const definitions = new Set([...this.account.keys()].map((domain) => `conn/${domain}.xml`));
    return [...this.photograph().keys()].filter(
      (name) => !this.owned.has(name) && !definitions.has(name) && !this.isUsed(this.path(name)),
    );
  }

  /**
   * Whether what a guest writes to is needed by something else as well: below another image, in a
   * snapshot, or the disk of somebody else.
   */
  isShared(domain: string, target: string): boolean {
    const [top = ""] = this.#inodes(this.disks(domain).get(target));
    const others = this.#disksOfAll().filter(
      (disk) => disk.domain !== domain || disk.target !== target,
    );
    const needed = [...others.map(({ image }) => image), ...this.#frozen()];
    return needed.some((image) => this.#inodes(image).includes(top));
  }

  /** Whether another domain needs an image that this disk is made of. */
  standsOnOthers(domain: string, target: string): boolean {
    const own = this.#inodes(this.disks(domain).get(target));
    const others = this.#disksOfAll().filter((disk) => disk.domain !== domain);
    const frozen = [...this.records()]
      .filter(([other]) => other !== domain)
      .flatMap(([, records]) => frozenIn(records));
    return [...others.map(({ image }) => image), ...frozen].some((image) =>
      this.#inodes(image).some((inode) => own.includes(inode)),
    );
  }

  /** Whether a disk of a domain or what a snapshot holds is in this file, or stands on it. */
  isUsed(path: string): boolean {
    const [inode = ""] = this.#inodes({ path, format: "raw" });
    const needed = [...this.#disksOfAll().map(({ image }) => image), ...this.#frozen()];
    return needed.some((image) => this.#inodes(image).includes(inode));
  }

  /** Takes a file away for a while; a folder is empty then, as one that is not mounted. */
  hide(name: string): void {
    const place = this.path(name);
    const meanwhile = this.path(`away/${String(this.#hidden.size)}`);
    renameSync(place, meanwhile);
    if (name.endsWith("/")) mkdirSync(place);
    this.#hidden.set(place, meanwhile);
  }

  /** Puts something in the place of a file for a while that nobody can make sense of. */
  break(name: string): void {
    this.hide(name);
    writeFileSync(this.path(name), GARBAGE);
  }

  /** Brings back what was away, all of it. */
  show(): void {
    for (const [place, meanwhile] of [...this.#hidden].reverse()) {
      if (place.endsWith("/")) rmdirSync(place);
      if (isGarbage(place)) rmSync(place);
      if (existsSync(place))
        throw new Violation(`'${relative(this.home, place)}' was made while it was away`);
      renameSync(meanwhile, place.replace(/\/$/, ""));
    }
    this.#hidden.clear();
  }

  #records(domain: string): Map<string, SnapshotRecord> {
    return readRecords(this.stateFolder(domain), (path) => this.#isAway(path));
  }

  #disksOfAll() {
    return [...this.account.keys()].flatMap((domain) =>
      [...this.disks(domain)].map(([target, image]) => ({ domain, target, image })),
    );
  }

  /** What snapshots hold in files that nobody may write to any more. */
  #frozen(): HeldState[] {
    return [...this.records().values()].flatMap(frozenIn);
  }

  #contents(images: ReadonlyMap<string, HeldState>, whose: string): Contents {
    return new Map(
      [...images].map(([target, image]) => [
        target,
        this.#contentOf(image, `${whose}, ${target}`, image.tag),
      ]),
    );
  }

  #contentOf(image: Image, whose: string, tag?: string): Content {
    try {
      return contentOf(readImage(image, tag));
    } catch (error) {
      const { path, message } = error as NodeJS.ErrnoException;
      if (path !== undefined && this.#isAway(path)) return AWAY;
      throw new Violation(`${whose}: cannot be read: ${message.replaceAll(this.home, "$W")}`);
    }
  }

  #inodes(image: Image | undefined): string[] {
    try {
      return image ? inodesOf(image) : [];
    } catch {
      return [];
    }
  }

  #isAway(path: string): boolean {
    return [...this.#hidden.keys()].some(
      (place) => path === place || dirname(path) + "/" === place,
    );
  }
}

function frozenIn(records: ReadonlyMap<string, SnapshotRecord>): HeldState[] {
  return [...records.values()].flatMap(({ states }) =>
    [...states.values()].filter(({ tag }) => tag === undefined),
  );
}
