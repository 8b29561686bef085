import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { expect } from "chai";

import { temporaryName } from "../../src/core/model/index.js";
import { replaceOutput, writeOutput } from "../../src/host/output-folder.js";
import { expectError } from "../../src/testing/index.js";
import { testFolder } from "../support/images/folder.js";

const TOKEN = "0123456789ab";
const WRITE = { dryRun: false };

describe("files in an output folder", () => {
  const folder = testFolder();
  const files = Array.from({ length: 200 }, (_, index) => ({
    name: `below/${index}.xml`,
    content: `<document number='${index}'/>\n`,
  }));
  const write = (): Promise<string[]> => {
    mkdirSync(folder.file("below"), { recursive: true });
    return writeOutput(folder.path, files, WRITE);
  };

  it("are private and whole, and nothing is beside them", async () => {
    const paths = await write();
    expect(paths).to.deep.equal(files.map(({ name }) => folder.file(name)));
    for (const [index, path] of paths.entries()) {
      expect(readFileSync(path, "utf8")).to.equal(files[index]?.content);
      expect(statSync(path).mode & 0o777).to.equal(0o600);
      expect(statSync(path).nlink).to.equal(1);
    }
    expect(readdirSync(folder.file("below")).length).to.equal(files.length);
  });

  it("that a writer has left unfinished go, and what else has such names stays", async () => {
    mkdirSync(folder.file("below"));
    const unfinished = ["", "<document", "<document number='7'/>\n"].map((part, index) => {
      const path = temporaryName(folder.file("below/7.xml"), "tmp", `${index}`.padStart(12, "0"));
      writeFileSync(path, part);
      return path;
    });
    const strangers = [
      temporaryName(folder.file("below/8.xml"), "tmp", TOKEN),
      temporaryName(folder.file("below/none.xml"), "tmp", TOKEN),
      `${folder.file("below/8.xml")}.new`,
    ];
    for (const path of strangers) writeFileSync(path, "somebody's");
    await write();
    const names = readdirSync(folder.file("below")).map((name) => folder.file(`below/${name}`));
    expect(names).not.to.include.members(unfinished);
    for (const path of strangers) expect(readFileSync(path, "utf8"), path).to.equal("somebody's");
    expect(names.length).to.equal(files.length + strangers.length);
  });

  it("are not written when one cannot be, and leave nothing behind", async () => {
    const missing = [...files, { name: "nowhere/a.xml", content: "a" }];
    mkdirSync(folder.file("below"));
    await expectError(writeOutput(folder.path, missing, WRITE), "system-error", /nowhere/);
    expect(readdirSync(folder.file("below"))).to.deep.equal([]);
  });

  it("are replaced only by who says so", async () => {
    const path = folder.file("receipt");
    await replaceOutput(path, "one");
    await replaceOutput(path, "two");
    expect(readFileSync(path, "utf8")).to.equal("two");
    expect(readdirSync(dirname(path))).to.deep.equal(["receipt"]);
  });
});
