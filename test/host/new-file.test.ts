import { link, readdir, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";

import { expect } from "chai";

import { beginFile, continueFile, isMade, unmakeFile } from "../../src/host/new-file.js";
import { identifyFile } from "../../src/host/file-identity.js";
import { expectError } from "../../src/testing/expect-error.js";
import { TestEvidence } from "../../src/testing/index.js";
import { attributesOf, giveAttributes } from "../support/images/attributes.js";
import { testFolder } from "../support/images/folder.js";

const OWNER = { owner: { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } };

describe("a file in the making", () => {
  const folder = testFolder();
  let evidence: TestEvidence;
  beforeEach(() => {
    evidence = new TestEvidence();
  });

  const begin = (name: string, before: "absent" | "empty" | "reused" = "absent") =>
    beginFile(folder.file(name), before, OWNER, evidence);
  const unmake = (name: string, before: "absent" | "empty" | "reused" = "absent") =>
    unmakeFile(folder.file(name), before, evidence);
  const content = (name: string) => readFile(folder.file(name), "utf8");
  const names = async () => (await readdir(folder.path)).sort();
  const partial = (name: string) => `${name}.domsnap-partial-${evidence.token}`;
  /** As the plan's survey does it before the plan begins. */
  const find = (name: string) =>
    evidence.survey({ kind: "domain.discard-memory", file: folder.file(name) });

  it("is told to the evidence, and private, before it has its name", async () => {
    const file = await begin("a");
    expect(file.partial).to.equal(folder.file(partial("a")));
    expect(await names()).to.deep.equal([partial("a")]);
    expect((await stat(file.partial)).mode & 0o777).to.equal(0o600);
    expect(evidence.made(folder.file("a"))).to.deep.equal([await identifyFile(file.partial)]);
    expect(await isMade(folder.file("a"), evidence)).to.equal(false);
    await writeFile(file.partial, "whole");
    await file.publish();
    await file.discard();
    expect(await names()).to.deep.equal(["a"]);
    expect(await content("a")).to.equal("whole");
    expect(await isMade(folder.file("a"), evidence)).to.equal(true);
  });

  it("does not replace a file that came to its place meanwhile", async () => {
    const file = await begin("a");
    await writeFile(folder.file("a"), "somebody's");
    await expectError(file.publish(), "image-conflict", /already exists$/);
    await file.discard();
    expect(await names()).to.deep.equal(["a"]);
    expect(await content("a")).to.equal("somebody's");
  });

  it("is not taken for what another program puts under its first name", async () => {
    const file = await begin("a");
    await rm(file.partial);
    await writeFile(file.partial, "somebody's");
    await expectError(file.publish(), "operation-failed", /removed or replaced by another program/);
    await file.discard();
    await unmake("a");
    expect(await names()).to.deep.equal([partial("a")]);
    expect(await content(partial("a"))).to.equal("somebody's");
  });

  it("is begun anew after a kill, whether or not that could be told", async () => {
    const killed = await begin("a");
    await writeFile(killed.partial, "half");
    const again = await begin("a");
    expect(await content(partial("a"))).to.equal("");
    await again.publish();
    await writeFile(folder.file(partial("b")), "");
    await (await begin("b")).publish();
    expect(await names()).to.deep.equal(["a", "b"]);
    expect(evidence.made(folder.file("a"))).to.have.length(2);
  });

  it("is not begun over what somebody else has there", async () => {
    await writeFile(folder.file(partial("a")), "somebody's");
    await expectError(begin("a"), "system-error", /File exists$/);
    await writeFile(folder.file("victim"), "precious");
    await symlink("victim", folder.file(partial("b")));
    await expectError(begin("b"), "system-error", /File exists$/);
    expect(await content(partial("a"))).to.equal("somebody's");
    expect(await content("victim")).to.equal("precious");
  });

  it("is gone on with by another process", async () => {
    await writeFile((await begin("a")).partial, "whole");
    await (await continueFile(folder.file("a"), "absent", evidence)).publish();
    expect(await names()).to.deep.equal(["a"]);
    expect(await content("a")).to.equal("whole");
  });

  describe("that replaces an empty one", () => {
    beforeEach(() => writeFile(folder.file("a"), "", { mode: 0o640 }));

    it("takes over its mode, behind a link too, and leaves an empty one when it is unmade", async () => {
      await symlink("a", folder.file("alias"));
      const file = await begin("alias", "empty");
      await writeFile(file.partial, "whole");
      await file.publish();
      expect(await content("a")).to.equal("whole");
      expect((await stat(folder.file("a"))).mode & 0o777).to.equal(0o640);
      await unmake("alias", "empty");
      expect(await names()).to.deep.equal(["a", "alias"]);
      expect(await content("a")).to.equal("");
    });

    it("takes over lists of who may use it, and what is noted with it", async () => {
      giveAttributes(folder.file("a"));
      const before = attributesOf(folder.file("a"));
      const file = await begin("a", "empty");
      await writeFile(file.partial, "whole");
      await file.publish();
      expect(await content("a")).to.equal("whole");
      expect(attributesOf(folder.file("a"))).to.equal(before);
    });

    it("does not replace it once somebody has written to it", async () => {
      const file = await begin("a", "empty");
      await writeFile(folder.file("a"), "somebody's");
      await expectError(file.publish(), "image-conflict");
      await file.discard();
      await unmake("a", "empty");
      expect(await content("a")).to.equal("somebody's");
    });
  });

  describe("that replaces one to be reused", () => {
    beforeEach(() => writeFile(folder.file("a"), "first"));

    it("replaces the file that stood there when the plan began, and is not unmade", async () => {
      await find("a");
      const file = await begin("a", "reused");
      await writeFile(file.partial, "second");
      await file.publish();
      await unmake("a", "reused");
      expect(await content("a")).to.equal("second");
      expect(await names()).to.deep.equal(["a"]);
    });

    it("does not replace another one", async () => {
      await find("a");
      const file = await begin("a", "reused");
      await rename(folder.file("a"), folder.file("elsewhere"));
      await writeFile(folder.file("a"), "somebody's");
      await expectError(file.publish(), "image-conflict");
      await file.discard();
      expect(await content("a")).to.equal("somebody's");
      expect(await names()).to.deep.equal(["a", "elsewhere"]);
    });

    it("needs it to be there", async () => {
      await expectError(begin("gone", "reused"), "image-missing");
      expect(await names()).to.deep.equal(["a"]);
    });
  });

  it("is unmade under its own name only, once or twice, and nothing that has the name since", async () => {
    await (await begin("a")).publish();
    await unmake("a");
    await unmake("a");
    expect(await names()).to.deep.equal([]);
    await (await begin("a")).publish();
    await rename(folder.file("a"), folder.file("kept"));
    await writeFile(folder.file("a"), "somebody's");
    await unmake("a");
    expect(await names()).to.deep.equal(["a", "kept"]);
    expect(await content("a")).to.equal("somebody's");
  });

  it("is unmade half-way, when a kill came before its name", async () => {
    await writeFile((await begin("a")).partial, "half");
    await writeFile(folder.file("a"), "somebody's");
    await unmake("a");
    expect(await names()).to.deep.equal(["a"]);
  });

  it("is no other plan's to unmake", async () => {
    await (await begin("a")).publish();
    await unmakeFile(folder.file("a"), "absent", new TestEvidence());
    expect(await names()).to.deep.equal(["a"]);
  });

  it("stays the same file under a second name", async () => {
    await (await begin("a")).publish();
    await link(folder.file("a"), folder.file("b"));
    await unmake("a");
    expect(await names()).to.deep.equal(["b"]);
  });
});
