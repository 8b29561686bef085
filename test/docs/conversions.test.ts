import { expect } from "chai";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { readText } from "../../scripts/generate-docs.js";
import { formatDisk, parseDisk } from "../../src/xl.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The programs of the page, each with what stands below it as their output. */
function examples(): { program: string; output: string }[] {
  const found = readText("docs/conversions.md").matchAll(
    /```js\n([^]*?)```\n\n```text\n([^]*?)```/g,
  );
  return [...found].map(([, program = "", output = ""]) => ({ program, output }));
}

describe("docs/conversions.md", function () {
  this.timeout(patience(120_000));
  let project: string;
  before(() => {
    ensureBuilt();
    // A project of somebody else's that has domsnap among its modules, as built for the package.
    project = mkdtempSync(join(tmpdir(), "domsnap-user-"));
    mkdirSync(join(project, "node_modules"));
    symlinkSync(ROOT, join(project, "node_modules", "domsnap"));
  });
  after(() => {
    rmSync(project, { recursive: true });
  });

  const run = (program: string) => {
    const path = join(project, "example.mjs");
    writeFileSync(path, program);
    return execFileSync(process.execPath, [path], { cwd: project, encoding: "utf8" });
  };

  it("shows programs that print what it says", () => {
    expect(examples()).to.have.length(2);
    for (const { program, output } of examples())
      expect(run(program).trimEnd()).to.equal(output.trimEnd());
  });

  it("names functions that the package has", () => {
    const names = readText("docs/conversions.md")
      .split("\n")
      .filter((line) => line.startsWith("| "))
      .flatMap((line) => [...line.split("|")[3]!.matchAll(/`(\w+)`/g)].map(([, name]) => name!));
    expect(names.length).to.be.greaterThan(15);
    const missing = run(
      `import * as xl from "domsnap/xl";\n` +
        `console.log(${JSON.stringify(names)}.filter((name) => typeof xl[name] !== "function").join());`,
    );
    expect(missing.trim()).to.equal("");
  });
});

describe("a <disk>", () => {
  const disks = [
    "<disk type='block' device='cdrom'><driver name='phy' type='raw'/><target dev='hdc' bus='ide'/></disk>",
    "<disk type='file' snapshot='external'><source file='/a&amp;b&#10;c'/><target dev='xvda'/><shareable/></disk>",
    "<disk type='network' device='disk'><driver name='qemu' type='raw'/><source protocol='rbd' name='p/i'><host name='h' port='1'/></source><target dev='vdb' bus='virtio'/></disk>",
  ];
  it("is the same disk after it was written", () => {
    for (const text of disks) {
      const disk = parseDisk(text);
      expect(parseDisk(formatDisk(disk))).to.deep.equal(disk);
    }
  });
});
