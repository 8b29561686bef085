import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

import { expect } from "chai";

import { openSnapshotService } from "../../src/container.js";
import { formatRecord } from "../../src/plugins/store-file/read-record.js";
import { FileJournal, FileSnapshotStore } from "../../src/plugins/store-file/index.js";
import { expectError } from "../../src/testing/index.js";
import { libvirtDocuments } from "../../src/xml/index.js";
import { ImportLab, outcomes } from "../migration/support/import-lab.js";
import { editRecord } from "../support/edit-record.js";
import {
  COMMANDS,
  CURRENT,
  DEFINITION,
  GOLDEN,
  journalText,
  JOURNAL,
  MARKS,
  PATTERNS,
  SNAPSHOTS,
  UUID,
} from "./golden-data.js";
import { jsonOf } from "./json-of.js";

const versions = (format: string) =>
  readdirSync(GOLDEN).filter((name) => name.startsWith(`${format}-`));
const newest = (format: string) => join(GOLDEN, versions(format).sort(byNumber).at(-1) ?? "");
const byNumber = (one: string, other: string) => numberOf(one) - numberOf(other);
const numberOf = (name: string) => Number(/\d+$/.exec(name)?.[0]);

/** Without what another version of domsnap writes differently. */
const plain = (text: string) =>
  text
    .replace(/^Writer: domsnap .*/m, "Writer: this")
    .replace(/^Checksum: .*/m, "Checksum: of this")
    .replace(/^[0-9a-f]{8} (?=\{|started|made|finished)/gm, "")
    .replace(/"writer":"domsnap [^"]*"/, '"writer":"this"');

/** Records of others: of older and later versions and of other programs. */
const RECORDS = fileURLToPath(new URL("../../fixtures/records/", import.meta.url));

/** What a record says, apart from who has written it and with which checksum. */
const linesOf = (path: string) =>
  readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => !/^(?:Format|Writer|Checksum): /.test(line));

describe("golden files", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-golden-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  for (const name of versions("state")) {
    const stateFolder = () => join(folder, "snapshots");
    const recordOf = (snapshot: string) => join(stateFolder(), UUID, `${snapshot}.xml`);
    const filesOf = () =>
      readdirSync(join(stateFolder(), UUID))
        .sort()
        .map((file) => [file, readFileSync(join(stateFolder(), UUID, file), "utf8")] as const);

    describe(name, () => {
      beforeEach(() => cpSync(join(GOLDEN, name), folder, { recursive: true }));

      it("is read as it was meant", async () => {
        const store = new FileSnapshotStore(stateFolder(), libvirtDocuments);
        const { heads, current, problems } = await store.index(UUID);
        expect(problems).to.deep.equal([]);
        expect(current).to.equal(CURRENT);
        expect(new Set(heads.map((head) => head.name))).to.deep.equal(
          new Set(SNAPSHOTS.map((snapshot) => snapshot.name)),
        );
        for (const snapshot of SNAPSHOTS)
          expect(await store.read(UUID, snapshot.name)).to.deep.equal(snapshot);
        const service = await openSnapshotService(pathToFileURL(folder).href);
        expect((await service.findDomain(UUID)).definition.xml).to.equal(DEFINITION);
      });

      it("with one record of a later version is neither changed nor used where that one counts", async () => {
        editRecord(recordOf("with memory"), (text) => text.replace("Format: 1", "Format: 2"));
        const before = filesOf();
        const service = await openSnapshotService(pathToFileURL(folder).href);
        const document = (name: string) =>
          libvirtDocuments.formatSnapshot({ ...SNAPSHOTS[0], name } as (typeof SNAPSHOTS)[number]);
        const redefine = { redefine: true };
        const works = {
          "written anew": () => service.create(UUID, document("with memory"), redefine),
          deleted: () => service.delete(UUID, "later", {}),
          "looked at": () => service.info(UUID, "with memory"),
          "reverted to": () => service.revert(UUID, "with memory", {}),
          removed: () => service.delete(UUID, "with memory", { metadataOnly: true }),
        };
        for (const [what, work] of Object.entries(works)) {
          const failure: unknown = await work().catch((thrown: unknown) => thrown);
          expect(failure, what).to.include({
            code: "record-unreadable",
            hint: "Use the version of domsnap that wrote it, or a newer one.",
          });
          expect((failure as Error).message, what)
            .to.contain(recordOf("with memory"))
            .and.match(/version 2 \(written by domsnap \d\S*\), and this domsnap knows 1$|needs: /);
          expect(
            filesOf().filter(([file]) => file !== "lock"),
            what,
          ).to.deep.equal(before.filter(([file]) => file !== "lock"));
        }
        await expectError(service.get(UUID, "with memory"), "record-unreadable", /version 2/);
      });
    });
  }

  for (const file of readdirSync(RECORDS))
    it(`keeps what is not known through every rewrite of a record ${file.replace(".xml", "")}`, async () => {
      mkdirSync(join(folder, UUID));
      const path = join(folder, UUID, file);
      cpSync(join(RECORDS, file), path);
      const name = file.replace(".xml", "");
      const before = linesOf(path);
      const store = new FileSnapshotStore(folder, libvirtDocuments);
      for (const description of ["one", "another"])
        await store.write(UUID, { ...(await store.read(UUID, name)), description });
      expect(linesOf(path).join("\n")).to.match(/another/);
      expect(linesOf(path)).to.include.members(before);
      expect((await store.index(UUID)).heads[0]?.disks).to.deep.equal(
        (await store.read(UUID, name)).disks,
      );
      const { description } = await store.read(UUID, name);
      const printed = libvirtDocuments.formatSnapshot(await store.read(UUID, name));
      expect(description).to.equal("another");
      expect(printed, "what another program reads").not.to.match(/retention|digest|origin|later>/);
    });

  it("of records are what this version writes", () => {
    for (const snapshot of SNAPSHOTS) {
      const file = join(newest("state"), "snapshots", UUID, `${snapshot.name}.xml`);
      const written = formatRecord(snapshot, libvirtDocuments);
      expect(plain(written)).to.equal(plain(readFileSync(file, "utf8")));
    }
  });

  for (const name of versions("journal"))
    it(`${name} is read as it was meant`, async () => {
      mkdirSync(join(folder, UUID));
      cpSync(join(GOLDEN, name, "journal"), join(folder, UUID, "journal"));
      const [, made] = MARKS;
      expect(await new FileJournal(folder).read(UUID)).to.deep.equal({
        ...JOURNAL,
        started: new Set([0, 1]),
        finished: new Set([0]),
        made: [{ place: made.place, identity: made.identity }],
      });
    });

  it("of journals are what this version writes", () => {
    expect(plain(journalText())).to.equal(
      plain(readFileSync(join(newest("journal"), "journal"), "utf8")),
    );
  });

  for (const name of versions("bundle"))
    it(`${name} is imported with its images`, async () => {
      const lab = new ImportLab();
      try {
        const bundle = join(lab.folder, "bundle");
        cpSync(join(GOLDEN, name), bundle, { recursive: true });
        const result = await lab.import(bundle, { define: true });
        expect(outcomes(result)).to.deep.equal({ inside: "adapted", outside: "adapted" });
        expect(await lab.tree()).to.deep.equal({ inside: undefined, outside: "inside" });
        expect(await lab.current()).to.equal("outside");
        const service = await lab.service();
        const assertHolds = async (pattern: number) => {
          const { definition } = await service.findDomain(UUID);
          const path = definition.disks[0]?.source?.path ?? "";
          const read = `read -q -P ${String(pattern)} 0 65536`;
          const said = execFileSync("qemu-io", ["-r", "-f", "qcow2", "-c", read, path]).toString();
          expect(said).to.equal("");
        };
        await assertHolds(PATTERNS.now);
        await service.revert(UUID, "outside", {});
        await assertHolds(PATTERNS.outside);
        await service.delete(UUID, "outside", {});
        await service.revert(UUID, "inside", {});
        await assertHolds(PATTERNS.inside);
      } finally {
        lab.remove();
      }
    });

  for (const name of versions("json"))
    for (const [file, command] of Object.entries(COMMANDS))
      it(`${name}: '${command.join(" ")}' still has all that it had`, async () => {
        cpSync(join(GOLDEN, "state-1"), folder, { recursive: true });
        const had: unknown = JSON.parse(readFileSync(join(GOLDEN, name, `${file}.json`), "utf8"));
        assertHolds(JSON.parse(await jsonOf(folder, command)), had, file);
      });
});

/** Members may be more, and no value is another one. */
function assertHolds(now: unknown, had: unknown, at: string): void {
  if (Array.isArray(had)) {
    expect(now, at).to.be.an("array").with.length(had.length);
    had.forEach((value, index) => assertHolds((now as unknown[])[index], value, `${at}.${index}`));
  } else if (typeof had === "object" && had !== null) {
    expect(now, at).to.be.an("object");
    for (const [key, value] of Object.entries(had))
      assertHolds((now as Record<string, unknown>)[key], value, `${at}.${key}`);
  } else expect(now, at).to.equal(had);
}
