import { expect } from "chai";

import type { HostFile } from "../../../src/core/ports/index.js";
import { checkFiles } from "../../../src/core/rules/index.js";

describe("checkFiles", () => {
  const fileAt = (path: string): HostFile => ({ path, kind: "regular", mode: 0o600, sizeBytes: 4 });
  const findings = (...names: string[]) =>
    checkFiles({
      stateFiles: [],
      snapshotFiles: [],
      memory: [],
      untrusted: new Map(),
      openChanges: { tokens: new Set() },
      stems: ["/images/disk"],
      neighbours: names.map((name) => fileAt(`/images/${name}`)),
      named: new Set(),
      rawImages: [],
    });

  it("tells of files that an attempt left incomplete, whichever plan made them", () => {
    for (const name of [
      "disk.s1.domsnap-partial-0123456789ab",
      "disk.img.domsnap-staged-0123456789ab",
      "disk.img.domsnap-tmp-0123456789ab",
    ]) {
      const path = `/images/${name}`;
      expect(findings(name)).to.deep.equal([
        {
          code: "file-leftover",
          subject: path,
          detail: "it has 4 bytes",
          repair: { kind: "remove-file", path },
        },
      ]);
    }
  });

  it("leaves what holds data of a guest, and what belongs to other disks or to somebody", () => {
    const names = [
      "disk.img.domsnap-part-a-0123456789ab",
      "disk.img.domsnap-part-b-0123456789ab",
      "other.img.domsnap-tmp-0123456789ab",
      "disk.img.domsnap-tmp-0123456789ab.backup",
      "disk.img.my-domsnap-tmp-0123456789ab",
      "disk.img.domsnap-backup",
      "disk.img.domsnap-new",
      "disk.img.domsnap-partial",
    ];
    expect(findings(...names)).to.deep.equal([]);
  });
});
