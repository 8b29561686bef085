import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

import { expect } from "chai";

import { testFolder } from "../support/images/folder.js";
import { inodesOf, readImage } from "./support/reading/images.js";

/** What the model judges by is judged by QEMU. */
describe("the reader of the model", () => {
  const folder = testFolder();
  const qemuImg = (...args: string[]) => execFileSync("qemu-img", args, { stdio: "pipe" });
  const write = (path: string, ...commands: string[]) =>
    execFileSync("qemu-io", [...commands.flatMap((one) => ["-c", one]), path], { stdio: "pipe" });
  const asQemuReads = (path: string, ...snapshot: string[]) => {
    qemuImg("convert", "-f", "qcow2", ...snapshot, "-O", "raw", path, folder.file("flat"));
    return readFileSync(folder.file("flat"));
  };

  it("reads chains, holes, zeroes and internal snapshots as QEMU does", () => {
    const [base, middle, top] = ["base", "middle", "top"].map((name) => folder.file(name));
    qemuImg("create", "-f", "qcow2", base ?? "", "512K");
    write(base ?? "", "write -P 1 0 200k", "write -P 2 300k 10k");
    qemuImg("create", "-f", "qcow2", "-b", "base", "-F", "qcow2", middle ?? "", "1M");
    write(middle ?? "", "write -P 3 60k 10k", "write -z 128k 64k", "write -P 4 900k 64k");
    qemuImg("snapshot", "-c", "kept", middle ?? "");
    write(middle ?? "", "write -P 5 0 1M");
    qemuImg("snapshot", "-c", "later", middle ?? "");
    qemuImg("create", "-f", "qcow2", "-b", middle ?? "", "-F", "qcow2", top ?? "");
    write(top ?? "", "write -P 6 500k 100k", "discard 128k 64k");
    for (const path of [base, middle, top])
      expect(
        readImage({ path: path ?? "", format: "qcow2" }).equals(asQemuReads(path ?? "")),
        path,
      ).to.equal(true);
    for (const tag of ["kept", "later"]) {
      const content = readImage({ path: middle ?? "", format: "qcow2" }, tag);
      expect(content.equals(asQemuReads(middle ?? "", "-l", `snapshot.name=${tag}`)), tag).to.equal(
        true,
      );
    }
    expect(inodesOf({ path: top ?? "", format: "qcow2" })).to.have.length(3);
  });
});
