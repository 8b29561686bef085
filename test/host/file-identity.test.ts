import {
  appendFile,
  link,
  mkdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

import { expect } from "chai";

import {
  identifyEntry,
  identifyFile,
  identifyPlace,
  identityOf,
  unlinkKnown,
} from "../../src/host/file-identity.js";
import { testFolder } from "../support/images/folder.js";

describe("the identity of a file", () => {
  const folder = testFolder();
  const at = (name: string) => folder.file(name);
  beforeEach(() => writeFile(at("a"), "content"));

  it("stays when it is written to, renamed and linked", async () => {
    const before = await identifyFile(at("a"));
    await appendFile(at("a"), "more");
    await link(at("a"), at("b"));
    await rename(at("a"), at("c"));
    expect(before).to.be.a("string");
    expect([await identifyFile(at("b")), await identifyFile(at("c"))]).to.deep.equal([
      before,
      before,
    ]);
  });

  it("is another one for every file that gets its name, or the number of its inode", async () => {
    const seen = new Set([await identifyFile(at("a"))]);
    for (let count = 1; count <= 5; count++) {
      await rm(at("a"));
      // Before Linux 6.13 the clock of inodes has the grain of the scheduler's tick.
      await sleep(20);
      await writeFile(at("a"), "content");
      seen.add(await identifyFile(at("a")));
      expect(seen.size).to.equal(count + 1);
    }
  });

  it("is told by inode and device where the file system knows no time of birth", () => {
    expect(identityOf({ ino: 5n, dev: 7n, birthtimeNs: 0n })).to.equal("5:7");
    expect(identityOf({ ino: 5n, dev: 7n, birthtimeNs: 9n })).to.equal("5@9");
    expect(identityOf({ ino: 5n, dev: 8n, birthtimeNs: 9n })).to.equal("5@9");
  });

  it("is that of a link, and of the file behind it", async () => {
    await symlink("a", at("alias"));
    const file = await identifyFile(at("a"));
    const entry = await identifyEntry(at("alias"));
    expect(entry).to.be.a("string").and.not.equal(file);
    expect(await identifyFile(at("alias"))).to.equal(file);
    expect(await identifyPlace(at("alias"))).to.deep.equal([
      { place: at("alias"), identity: entry },
      { place: at("a"), identity: file },
    ]);
    expect(await identifyPlace(at("a"))).to.deep.equal([{ place: at("a"), identity: file }]);
  });

  it("is none for nothing, a folder, a device and a name that cannot be", async () => {
    await mkdir(at("folder"));
    for (const path of [at("gone"), at("folder"), "/dev/null", at("a/b"), at("x".repeat(300))]) {
      expect(await identifyEntry(path), path).to.equal(undefined);
      expect(await identifyFile(path), path).to.equal(undefined);
      expect(await identifyPlace(path), path).to.deep.equal([]);
    }
  });

  it("is the only licence to unlink", async () => {
    const own = (await identifyEntry(at("a"))) ?? "";
    expect(await unlinkKnown(at("a"), [])).to.equal(false);
    expect(await unlinkKnown(at("a"), ["1@2"])).to.equal(false);
    await rename(at("a"), at("b"));
    await writeFile(at("a"), "somebody's");
    expect(await unlinkKnown(at("a"), [own])).to.equal(false);
    await symlink("b", at("alias"));
    expect(await unlinkKnown(at("alias"), [own]), "a link to it").to.equal(false);
    expect(await unlinkKnown(at("b"), ["1@2", own])).to.equal(true);
    expect(await unlinkKnown(at("b"), [own])).to.equal(false);
    expect(await readFile(at("a"), "utf8")).to.equal("somebody's");
  });
});
