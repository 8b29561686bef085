import { execFileSync, spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import type { Demand } from "../../src/core/model/index.js";
import { assertUsable } from "../../src/host/assert-usable.js";
import { expectError } from "../../src/testing/expect-error.js";

describe("what the host would not let be done", () => {
  let folder: string;
  const ends: (() => void)[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "usable-"));
  });
  afterEach(() => {
    for (const end of ends.splice(0).reverse()) end();
    rmSync(folder, { recursive: true, force: true });
  });

  const file = (name: string, bytes = 4096) => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.alloc(bytes, 7));
    return path;
  };
  /** With an end that comes whatever becomes of the test. */
  const during = (begin: readonly string[], end: readonly string[]) => {
    execFileSync(begin[0] ?? "", begin.slice(1));
    ends.push(() => execFileSync(end[0] ?? "", end.slice(1)));
  };
  const attribute = (letter: "i" | "a", path: string) => {
    during(["chattr", `+${letter}`, path], ["chattr", `-${letter}`, path]);
  };
  const refuses = async (demand: Demand, reason: RegExp) => {
    const error = await expectError(assertUsable([demand]), "system-error");
    expect(error.message).to.match(reason);
  };
  const uses = ["make", "write", "replace", "remove"] as const;

  it("finds nothing where all is well, and changes nothing", async () => {
    const place = file("disk");
    const before = [readdirSync(folder), statSync(folder).mtimeMs, statSync(place).mtimeMs];
    await assertUsable(uses.map((use) => ({ place, use })));
    await assertUsable(uses.map((use) => ({ place: join(folder, "new"), use })));
    await assertUsable([{ place: join(folder, "no", "such"), use: "make" }]);
    expect([readdirSync(folder), statSync(folder).mtimeMs, statSync(place).mtimeMs]).to.deep.equal(
      before,
    );
    expect(readFileSync(place).equals(Buffer.alloc(4096, 7))).to.equal(true);
  });

  for (const letter of ["i", "a"] as const)
    it(`tells of a file with the attribute ${letter}`, async () => {
      const place = file("disk");
      attribute(letter, place);
      await refuses({ place, use: "write" }, /cannot write to '.*disk': Operation not permitted/);
      for (const use of ["replace", "remove"] as const)
        await refuses({ place, use }, /cannot replace or remove '.*disk': Operation not permitted/);
      await assertUsable([{ place: join(folder, "new"), use: "make" }]);
    });

  it("tells of folders with these attributes", async () => {
    const place = file("disk");
    attribute("i", folder);
    await refuses({ place: join(folder, "new"), use: "make" }, /cannot make a file in '.*'/);
    await refuses({ place, use: "remove" }, /Operation not permitted/);
    await assertUsable([{ place, use: "write" }]);
  });

  it("tells of a folder where names can only be added", async () => {
    const place = file("disk");
    attribute("a", folder);
    for (const use of ["replace", "remove"] as const)
      await refuses({ place, use }, /cannot replace or remove '.*disk': Operation not permitted/);
    expect(readdirSync(folder)).to.deep.equal(["disk"]);
  });

  it("tells of a file system that is read-only", async () => {
    const inner = join(folder, "inner");
    mkdirSync(inner);
    during(["mount", "-t", "tmpfs", "none", inner], ["umount", inner]);
    const place = join(inner, "disk");
    writeFileSync(place, "x");
    execFileSync("mount", ["-o", "remount,ro", inner]);
    for (const use of ["write", "replace", "remove"] as const)
      await refuses({ place, use }, /Read-only file system/);
    await refuses({ place: join(inner, "new"), use: "make" }, /Read-only file system/);
  });

  it("tells of a file that is mounted over", async () => {
    const [place, other] = [file("a disk"), file("other")];
    during(["mount", "--bind", other, place], ["umount", place]);
    for (const use of ["make", "replace", "remove"] as const)
      await refuses({ place, use }, /cannot replace or remove '.*a disk': it is a mount point/);
    await assertUsable([{ place, use: "write" }]);
  });

  it("tells of room that is missing, with the numbers, for all files of a file system together", async () => {
    const inner = join(folder, "inner");
    mkdirSync(inner);
    during(["mount", "-t", "tmpfs", "-o", "size=1M", "none", inner], ["umount", inner]);
    const image = file("image", 600 * 1024);
    const copy = (name: string): Demand => ({
      place: join(inner, name),
      use: "make",
      content: { copyOf: image },
    });
    await assertUsable([copy("one")]);
    const error = await expectError(assertUsable([copy("one"), copy("two")]), "no-space");
    expect(error.message).to.match(/1228800 bytes needed, 1048576 bytes available/);
    const memory: Demand = { place: join(inner, "m"), use: "make", content: { bytes: 2 ** 21 } };
    await expectError(assertUsable([memory]), "no-space");
  });

  it("tells of a limit of the size of files", () => {
    const image = file("image", 64 * 1024);
    const program = `
      import { assertUsable } from ${JSON.stringify(fileURLToPath(new URL("../../src/host/assert-usable.ts", import.meta.url)))};
      const ask = (place, copyOf) => assertUsable([{ place, use: "make", content: { copyOf } }]);
      await ask(${JSON.stringify(join(folder, "copy"))}, ${JSON.stringify(image)}).catch((error) => console.log(error.message));
    `;
    const path = join(folder, "program.mts");
    writeFileSync(path, program);
    const { stdout, stderr } = spawnSync(
      "prlimit",
      ["--fsize=8192", process.execPath, "--import", "tsx/esm", path],
      { encoding: "utf8", cwd: fileURLToPath(new URL("../..", import.meta.url)) },
    );
    expect(stdout, stderr).to.match(
      /65536 bytes needed, and no file may have more than 8192 bytes here/,
    );
  });
});
