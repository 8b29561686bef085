import { symlink, writeFile } from "node:fs/promises";

import { expect } from "chai";

import { probeFile } from "../../src/host/probe-file.js";
import { testFolder } from "../support/images/folder.js";

describe("probeFile", () => {
  const folder = testFolder();

  it("tells files with their size, through links", async () => {
    await writeFile(folder.file("file"), "12345");
    await symlink("file", folder.file("link"));
    for (const name of ["file", "link"])
      expect(probeFile(folder.file(name))).to.deep.equal({ kind: "regular", sizeBytes: 5 });
  });

  it("tells what is absent, and links to nothing", async () => {
    await symlink("nowhere", folder.file("dangling"));
    for (const name of ["nowhere", "no/where", "dangling"])
      expect(probeFile(folder.file(name))).to.deep.equal({ kind: "absent" });
  });

  it("tells folders and character devices as something else", () => {
    expect(probeFile(folder.path)).to.deep.equal({ kind: "other" });
    expect(probeFile("/dev/null")).to.deep.equal({ kind: "other" });
  });

  it("tells strerror's text for any other failure", async () => {
    await writeFile(folder.file("file"), "");
    await symlink("loop", folder.file("loop"));
    const reasonOf = (path: string) => {
      const fact = probeFile(path);
      return fact.kind === "unknown" ? fact.reason : fact.kind;
    };
    expect(reasonOf(folder.file("file/below"))).to.equal("Not a directory");
    expect(reasonOf(folder.file("loop"))).to.equal("Too many levels of symbolic links");
    expect(reasonOf(folder.file("x".repeat(300)))).to.equal("File name too long");
    expect(reasonOf("nul\0byte")).to.match(/null bytes/);
  });
});
