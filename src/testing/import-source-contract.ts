import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { expect } from "chai";

import { DomsnapError } from "../core/errors/index.js";
import type { Domain } from "../core/model/index.js";
import type { ImportMaterial, ImportSource } from "../core/ports/index.js";
import { expectError } from "./expect-error.js";
import { makeTestFolder, photographFolder, removeTestFolder } from "./folder-of-test.js";

/** A source, and something for it to read. */
export interface ImportSourceUnderTest {
  readonly source: ImportSource;
  /** What a user would name: a path, a URI, a word. */
  readonly named: string;
  /** Names of the snapshots in it. */
  readonly snapshots: readonly string[];
  /** Whose they are, where the source does not tell: it then refuses to read without. */
  readonly domain?: Domain;
  /**
   * The same with one snapshot more that cannot be read; missing where a source has all of them or
   * none.
   */
  readonly damaged?: string;
  /** Something of its kind that is not there any more; missing where there is no such thing. */
  readonly gone?: string;
}

/** How the suite gets sources to test. */
export interface ImportSourceContract {
  /** Called once for each test with an empty folder of its own, which the suite removes. */
  readonly open: (folder: string) => Promise<ImportSourceUnderTest>;
}

/** What every `ImportSource` promises. To be called inside of mocha. */
export function describeImportSource(name: string, contract: ImportSourceContract): void {
  describe(`${name} keeps the contract of an import source`, () => {
    let folder: string;
    let subject: ImportSourceUnderTest;
    beforeEach(async () => {
      folder = await makeTestFolder();
      subject = await contract.open(folder);
    });
    afterEach(() => removeTestFolder(folder));

    const read = (named = subject.named) => subject.source.read(named, subject.domain);

    it("has an id that can stand in an option, and says what it reads", () => {
      expect(subject.source.id).to.match(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(subject.source.summary).to.match(/\w{3}/);
    });

    it("recognizes what it can read", async () => {
      expect(await subject.source.recognizes(subject.named)).to.equal(true);
    });

    it("recognizes nothing else", async () => {
      const strangers = join(folder, "strangers");
      await mkdir(join(strangers, "empty"), { recursive: true });
      await writeFile(join(strangers, "letter"), "Dear all,\n");
      await writeFile(join(strangers, "zeroes"), Buffer.alloc(1024 * 1024));
      const others = ["", "\0", join(strangers, "nothing"), join(strangers, "\0")];
      const files = ["empty", "letter", "zeroes"].map((file) => join(strangers, file));
      for (const other of [...others, ...files])
        expect(await subject.source.recognizes(other), JSON.stringify(other)).to.equal(false);
    });

    it("reads every snapshot once, and tells where it was", async () => {
      const { items, problems } = await read();
      expect(problems).to.deep.equal([]);
      expect(namesOf({ items }).sort()).to.deep.equal([...subject.snapshots].sort());
      for (const { origin } of items) expect(origin).not.to.equal("");
      expect(items.filter(({ current }) => current === true).length).to.be.at.most(1);
    });

    it("gives parents by names that are among them", async () => {
      const { items } = await read();
      const parents = items.flatMap(({ snapshot }) => snapshot.parent ?? []);
      expect(subject.snapshots).to.include.members(parents);
      for (const { snapshot } of items) expect(snapshot.parent).not.to.equal(snapshot.name);
    });

    it("says the same when it is asked again, and changes nothing", async () => {
      const before = await photographFolder(folder);
      const first = await read();
      await subject.source.recognizes(subject.named);
      expect(await read()).to.deep.equal(first);
      expect(await photographFolder(folder)).to.deep.equal(before);
    });

    it("takes the domain that it is told of, or refuses to guess it", async () => {
      const { source, named, domain } = subject;
      if (domain) await expectError(source.read(named, undefined), "invalid-argument");
      else expect((await source.read(named, undefined)).items).not.to.deep.equal([]);
    });

    it("hides nothing behind what cannot be read", async () => {
      const { damaged } = subject;
      if (damaged === undefined) return;
      const material = await read(damaged);
      expect(namesOf(material)).to.include.members([...subject.snapshots]);
      expect(material.problems.length).to.equal(1);
      for (const { record, reason } of material.problems) {
        expect(record).not.to.equal("");
        expect(reason).not.to.equal("");
      }
    });

    it("fails as a whole when there is nothing to read", async () => {
      const { gone } = subject;
      if (gone === undefined) return;
      const thrown = await read(gone).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(thrown).to.be.instanceOf(DomsnapError);
    });
  });
}

function namesOf({ items }: Pick<ImportMaterial, "items">): string[] {
  return items.map(({ snapshot }) => snapshot.name);
}
