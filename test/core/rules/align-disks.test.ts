import { expect } from "chai";
import type { DiskSnapshot, DomainDisk, SnapshotMode } from "../../../src/core/model/index.js";
import { alignDisks, type AlignOptions } from "../../../src/core/rules/index.js";
import { expectFailure, sampleDefinition, sampleDisk } from "./support/rules-samples.js";

const internal: AlignOptions = { snapshotName: "s", defaultMode: "internal", uniform: true };
const external: AlignOptions = { snapshotName: "s", defaultMode: "external", uniform: true };

function wish(name: string, over: Partial<DiskSnapshot> = {}): DiskSnapshot {
  return { name, type: "file", ...over };
}

/** The mode that one disk gets, or the refusal. */
function modeOf(
  disk: Partial<DomainDisk>,
  request: SnapshotMode | "listed" | "unlisted",
  options: AlignOptions,
): string {
  const definition = sampleDefinition([sampleDisk("vda", disk)]);
  const requested =
    request === "unlisted" ? [] : [wish("vda", request === "listed" ? {} : { mode: request })];
  try {
    return alignDisks(requested, definition, options)[0]?.mode ?? "none";
  } catch (error) {
    return (error as { detail: string }).detail;
  }
}

describe("alignDisks", () => {
  const empty = { source: {} };
  const must = "disk 'vda' must use snapshot mode 'internal'";
  const rows: [Partial<DomainDisk>, SnapshotMode | "listed" | "unlisted", string, string][] = [
    [{}, "unlisted", "internal", "external"],
    [{}, "listed", "internal", "external"],
    [{}, "no", must, "no"],
    [{}, "external", must, "external"],
    [{}, "manual", must, "manual"],
    [{}, "internal", "internal", "internal"],
    [{ snapshot: "no" }, "unlisted", "no", "no"],
    [{ snapshot: "no" }, "listed", "no", "no"],
    [{ snapshot: "no" }, "no", "no", "no"],
    [{ snapshot: "no" }, "internal", "internal", "internal"],
    [{ snapshot: "no" }, "external", must, "external"],
    [{ snapshot: "external" }, "unlisted", "external", "external"],
    [{ snapshot: "external" }, "listed", "internal", "external"],
    [empty, "unlisted", "no", "no"],
    [
      empty,
      "listed",
      "internal",
      "cannot generate external snapshot name for disk 'vda' without source",
    ],
  ];
  for (const [disk, request, whenInternal, whenExternal] of rows)
    it(`${JSON.stringify(disk)} ${request}`, () => {
      expect(modeOf(disk, request, internal)).to.equal(whenInternal);
      expect(modeOf(disk, request, external)).to.equal(whenExternal);
    });

  it("honours explicit modes where disks stand alone", () => {
    const alone = { ...internal, uniform: false };
    expect(modeOf({}, "external", alone)).to.equal("external");
    expect(modeOf({}, "no", alone)).to.equal("no");
    expect(modeOf({ snapshot: "external" }, "listed", alone)).to.equal("external");
  });

  it("counts before it matches", () => {
    const three = [wish("vda"), wish("vda"), wish("vda")];
    expectFailure(
      () => alignDisks(three, sampleDefinition(), internal),
      "config-unsupported",
      "too many disk snapshot requests for domain",
    );
    expectFailure(
      () => alignDisks(three.slice(1), sampleDefinition(), internal),
      "config-unsupported",
      "disk 'vda' specified twice",
    );
  });

  it("names disks by source path, as written in errors and by target in results", () => {
    const byPath = wish("/img/vdb.qcow2", { mode: "external" });
    expect(
      alignDisks([byPath], sampleDefinition(), external).map((disk) => disk.name),
    ).to.deep.equal(["vda", "vdb"]);
    expectFailure(
      () => alignDisks([wish("vdb"), byPath], sampleDefinition(), external),
      "config-unsupported",
      "disk '/img/vdb.qcow2' specified twice",
    );
  });

  it("does not guess between two disks on one path", () => {
    const shared = { source: { path: "/img/x" } };
    const definition = sampleDefinition([sampleDisk("vda", shared), sampleDisk("vdb", shared)]);
    expectFailure(
      () => alignDisks([wish("/img/x")], definition, internal),
      "config-unsupported",
      "no disk named '/img/x'",
    );
  });

  it("wants external mode for a file", () => {
    const withFile = wish("vda", { mode: "internal", source: { path: "/f" } });
    expectFailure(
      () => alignDisks([withFile], sampleDefinition(), internal),
      "config-unsupported",
      "file '/f' for disk 'vda' requires use of external snapshot mode",
    );
  });

  it("needs a definition", () => {
    expectFailure(
      () => alignDisks([], undefined, internal),
      "internal-error",
      "missing domain in snapshot",
    );
  });

  it("leaves a domain without disks alone", () => {
    expect(alignDisks([], sampleDefinition([]), internal)).to.deep.equal([]);
  });
});
