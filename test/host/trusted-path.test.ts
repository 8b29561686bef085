import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";

import { expect } from "chai";

import { findDistrust } from "../../src/host/trusted-path.js";
import { testFolder } from "../support/images/folder.js";

describe("a path that only root and the caller can change", () => {
  const folder = testFolder();
  const me = process.geteuid?.() ?? 0;
  const file = (name: string, mode = 0o644) => {
    writeFileSync(folder.file(name), "", { mode });
    chmodSync(folder.file(name), mode);
    return folder.file(name);
  };
  const distrusted = (path: string, caller = me) => findDistrust(path, caller)?.path;

  it("may lead through /tmp, where nobody replaces what is another's", () => {
    expect(distrusted(file("f"))).to.equal(undefined);
  });

  it("is none when the group or the world may write the file", () => {
    expect(distrusted(file("group", 0o664))).to.equal(folder.file("group"));
    expect(distrusted(file("world", 0o646))).to.equal(folder.file("world"));
    expect(findDistrust(folder.file("group"), me)).to.include({
      reason: `others may write to '${folder.file("group")}'`,
      command: `chmod go-w '${folder.file("group")}'`,
    });
  });

  it("is none when others may write to a folder on the way", () => {
    mkdirSync(folder.file("open"));
    chmodSync(folder.file("open"), 0o775);
    mkdirSync(folder.file("open/closed"));
    expect(distrusted(file("open/closed/f"))).to.equal(folder.file("open"));
  });

  it("is none when it belongs to another, or when a folder on the way does", () => {
    const own = file("f");
    expect(distrusted(own, me + 1)).to.equal(me === 0 ? undefined : folder.path);
    if (me !== 0) return;
    chownSync(own, 1234, 0);
    expect(findDistrust(own, me)?.reason).to.equal(`'${own}' belongs to the user 1234`);
    expect(distrusted(own, 1234)).to.equal(undefined);
    mkdirSync(folder.file("theirs"));
    const inside = file("theirs/f");
    chownSync(folder.file("theirs"), 1234, 0);
    expect(distrusted(inside)).to.equal(folder.file("theirs"));
  });

  it("is none when a link leads to where others may write, or stands there", () => {
    mkdirSync(folder.file("open"));
    const safe = file("safe");
    symlinkSync("../safe", folder.file("open/out"));
    file("open/f");
    symlinkSync("open/f", folder.file("in"));
    symlinkSync(folder.file("in"), folder.file("twice"));
    expect(distrusted(folder.file("open/out"))).to.equal(undefined);
    chmodSync(folder.file("open"), 0o777);
    expect(distrusted(safe)).to.equal(undefined);
    for (const link of ["in", "twice", "open/out"])
      expect(distrusted(folder.file(link)), link).to.equal(folder.file("open"));
  });

  it("is not looked for in a circle of links", () => {
    symlinkSync("b", folder.file("a"));
    symlinkSync("a", folder.file("b"));
    expect(() => findDistrust(folder.file("a"), me)).to.throw("ELOOP");
  });

  it("has to be there", () => {
    expect(() => findDistrust(folder.file("none"), me)).to.throw("ENOENT");
  });
});
