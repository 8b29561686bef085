import { mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises";

import { expect } from "chai";

import {
  assertRoom,
  availableBytes,
  createExclusively,
  publishDurably,
  renameDurably,
  unlinkDurably,
} from "../../src/host/durable-files.js";
import { expectError } from "../../src/testing/expect-error.js";
import { exec } from "../support/images/qemu-images.js";
import { testFolder } from "../support/images/folder.js";

const modeOf = async (path: string) => ((await stat(path)).mode & 0o7777).toString(8);

describe("durable files", () => {
  const folder = testFolder();

  it("creates a file with exactly its mode, whatever the umask", async () => {
    const umask = process.umask(0o777);
    try {
      await createExclusively(folder.file("private"));
      await createExclusively(folder.file("shared"), { mode: 0o664 });
    } finally {
      process.umask(umask);
    }
    expect(await modeOf(folder.file("private"))).to.equal("600");
    expect(await modeOf(folder.file("shared"))).to.equal("664");
  });

  it("creates nothing over a file, nor through a link", async () => {
    await writeFile(folder.file("there"), "x");
    await symlink(folder.file("elsewhere"), folder.file("link"));
    for (const name of ["there", "link"])
      await expectError(
        createExclusively(folder.file(name)),
        "system-error",
        `cannot create file '${folder.file(name)}': File exists`,
      );
    expect(await readdir(folder.path)).to.have.members(["there", "link"]);
  });

  it("says that a file is not there where nothing can be removed", async () => {
    await mkdir(folder.file("still"));
    await exec("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder.file("still"));
    try {
      await writeFile(folder.file("still/there"), "x");
      await exec("mount", "-o", "remount,ro", folder.file("still"));
      expect(await unlinkDurably(folder.file("still/gone"))).to.equal(false);
      await expectError(unlinkDurably(folder.file("still/there")), "system-error", /Read-only/);
    } finally {
      await exec("umount", folder.file("still"));
    }
  });

  it("gives a file its name without replacing another", async () => {
    await writeFile(folder.file("new"), "new");
    await writeFile(folder.file("old"), "old");
    await expectError(publishDurably(folder.file("new"), folder.file("old")), "system-error");
    expect(await readFile(folder.file("old"), "utf8")).to.equal("old");
    await publishDurably(folder.file("new"), folder.file("free"));
    expect(await readdir(folder.path)).to.have.members(["old", "free"]);
  });

  it("renames over another and into other folders", async () => {
    await mkdir(folder.file("sub"));
    await writeFile(folder.file("sub/new"), "new");
    await writeFile(folder.file("old"), "old");
    await renameDurably(folder.file("sub/new"), folder.file("old"));
    expect(await readFile(folder.file("old"), "utf8")).to.equal("new");
  });

  it("unlinks, and says whether there was a file", async () => {
    await writeFile(folder.file("file"), "");
    expect(await unlinkDurably(folder.file("file"))).to.equal(true);
    expect(await unlinkDurably(folder.file("file"))).to.equal(false);
    expect(await unlinkDurably(folder.file("nowhere/file"))).to.equal(false);
    await expectError(unlinkDurably(folder.path), "system-error", /Is a directory$/);
  });

  it("refuses with numbers what does not fit, all files of a file system together", async () => {
    const available = await availableBytes(folder.path);
    const half = Math.round(available * 0.6);
    await assertRoom([{ path: folder.file("one"), bytes: half }]);
    const error = await expectError(
      assertRoom([
        { path: folder.file("one"), bytes: half },
        { path: folder.file("two"), bytes: half },
      ]),
      "no-space",
      /^not enough space for '.*one': \d+ bytes needed, \d+ bytes available$/,
    );
    expect(error.detail).to.include(`${half * 2} bytes needed`);
    expect(error.hint).to.match(/^Free at least \d+ bytes/);
  });
});
