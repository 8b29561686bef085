import { expect } from "chai";
import {
  CREATE_FLAGS,
  domsnapRules,
  flagsOfBits,
  qemuRules,
  testRules,
} from "../../../src/core/model/index.js";
import {
  assertCreateFlags,
  assertDeleteFlags,
  assertListFlags,
  assertRevertFlags,
} from "../../../src/core/rules/index.js";
import { expectFailure } from "./support/rules-samples.js";

const CREATE = "VIR_DOMAIN_SNAPSHOT_CREATE_";

describe("flags", () => {
  it("lets the API's own demands go before the driver's", () => {
    expectFailure(
      () => assertCreateFlags({ current: true, diskOnly: true }, testRules),
      "invalid-flags",
      `Flag '${CREATE}REDEFINE' is required by flag '${CREATE}CURRENT'`,
    );
  });

  it("names the unsupported bits only, and the driver's function", () => {
    expectFailure(
      () => assertCreateFlags({ halt: true, diskOnly: true, reuseExternal: true }, testRules),
      "invalid-flags",
      "unsupported flags (0x30) in function testDomainSnapshotCreateXML",
    );
    expectFailure(
      () => assertDeleteFlags({ metadataOnly: true }, testRules),
      "invalid-flags",
      "unsupported flags (0x2) in function testDomainSnapshotDelete",
    );
    expectFailure(
      () => assertRevertFlags({ resetNvram: true }, testRules),
      "invalid-flags",
      "unsupported flags (0x8) in function testDomainRevertToSnapshot",
    );
  });

  it("refuses pairs that exclude each other", () => {
    for (const other of ["noMetadata", "halt"] as const)
      expectFailure(
        () => assertCreateFlags({ redefine: true, [other]: true }, qemuRules),
        "invalid-flags",
        `Flags '${CREATE}REDEFINE' and '${CREATE}${other === "halt" ? "HALT" : "NO_METADATA"}' are mutually exclusive`,
      );
    expectFailure(
      () => assertCreateFlags({ redefine: true, live: true }, qemuRules),
      "invalid-flags",
      `Flags '${CREATE}LIVE' and '${CREATE}REDEFINE' are mutually exclusive`,
    );
    expectFailure(
      () => assertDeleteFlags({ children: true, childrenOnly: true }, qemuRules),
      "invalid-flags",
      "Flags 'VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN' and 'VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY' are mutually exclusive",
    );
    expectFailure(
      () => assertRevertFlags({ running: true, paused: true }, qemuRules),
      "invalid-flags",
      "Flags 'VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING' and 'VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED' are mutually exclusive",
    );
  });

  it("ties QUIESCE to DISK_ONLY in the QEMU driver only", () => {
    expectFailure(
      () => assertCreateFlags({ quiesce: true }, qemuRules),
      "invalid-flags",
      `Flag '${CREATE}DISK_ONLY' is required by flag '${CREATE}QUIESCE'`,
    );
    assertCreateFlags({ quiesce: true }, testRules);
  });

  it("lets everything else pass", () => {
    assertCreateFlags({ diskOnly: true, quiesce: true, atomic: true }, domsnapRules);
    assertListFlags({ leaves: true, noLeaves: true, topological: true }, testRules);
    assertRevertFlags({ running: true, force: true, resetNvram: true }, qemuRules);
    assertDeleteFlags({ children: false, childrenOnly: true }, qemuRules);
  });

  it("come from the bits of a caller, and those without a name are refused with the others", () => {
    const flags = flagsOfBits(CREATE_FLAGS, 0x8010_0018);
    expect(flags).to.deep.equal({ halt: true, diskOnly: true, unknownBits: 0x8010_0000 });
    expect(flagsOfBits(CREATE_FLAGS, 0x3)).to.deep.equal({ redefine: true, current: true });
    expectFailure(
      () => assertCreateFlags(flags, testRules),
      "invalid-flags",
      "unsupported flags (0x80100010) in function testDomainSnapshotCreateXML",
    );
  });
});
