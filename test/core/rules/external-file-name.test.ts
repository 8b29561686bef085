import { expect } from "chai";
import type { StorageType } from "../../../src/core/model/index.js";
import { assignExternalFiles, externalFileName } from "../../../src/core/rules/index.js";
import { expectFailure, sampleDisk } from "./support/rules-samples.js";

describe("external file names", () => {
  for (const [source, file] of [
    ["/img/a.qcow2", "/img/a.a"],
    ["/img/noext", "/img/noext.a"],
    ["/img/dir.d/noext", "/img/dir.d/noext.a"],
    ["/img/dir.d/.hidden", "/img/dir.d/.a"],
    ["/img/we ird.img", "/img/we ird.a"],
    ["/img/disk.snap1", "/img/disk.a"],
  ] as const)
    it(`${source} becomes ${file}`, () => {
      expect(externalFileName(source, "a")).to.equal(file);
    });

  const pair = (
    target: string,
    path: string | undefined,
    given?: string,
    type: StorageType = "file",
  ) => ({
    disk: sampleDisk(target, { source: path === undefined ? {} : { path } }),
    snapshot: {
      name: target,
      type,
      mode: "external" as const,
      ...(given === undefined ? {} : { source: { path: given } }),
    },
  });
  const failure = "cannot generate external snapshot name for disk";

  it("refuses two disks with one file, generated or given, but only looks back", () => {
    const collision = `${failure} 'vdb': collision with disk 'vda'`;
    const assign = (...pairs: ReturnType<typeof pair>[]) =>
      assignExternalFiles(pairs, { snapshotName: "a" });
    expectFailure(
      () => assign(pair("vda", "/i/same.raw"), pair("vdb", "/i/same.qcow2")),
      "config-unsupported",
      collision,
    );
    expectFailure(
      () => assign(pair("vda", "/i/x", "/i/same.a"), pair("vdb", "/i/same.qcow2")),
      "config-unsupported",
      collision,
    );
    const later = assign(pair("vda", "/i/same.raw"), pair("vdb", "/i/x", "/i/same.a"));
    expect(later.map((disk) => disk.source?.path)).to.deep.equal(["/i/same.a", "/i/same.a"]);
  });

  it("refuses what it cannot name", () => {
    const assign = (given: ReturnType<typeof pair>) => () =>
      assignExternalFiles([given], { snapshotName: "a", probe: () => ({ kind: "block" }) });
    expectFailure(
      assign(pair("vda", "/i/a", undefined, "network")),
      "config-unsupported",
      `${failure} 'vda' on a 'network' device`,
    );
    expectFailure(
      assign(pair("vda", undefined)),
      "config-unsupported",
      `${failure} 'vda' without source`,
    );
    expectFailure(
      assign(pair("vda", "/dev/x")),
      "config-unsupported",
      "source for disk 'vda' is not a regular file; refusing to generate external snapshot name",
    );
  });
});
