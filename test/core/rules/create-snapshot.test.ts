import { expect } from "chai";
import type {
  CreateFlags,
  DiskSnapshot,
  DomainDisk,
  MemorySnapshot,
  SnapshotMode,
} from "../../../src/core/model/index.js";
import type { FileFact } from "../../../src/core/ports/index.js";
import {
  domsnapRules,
  domsnapXenRules,
  qemuRules,
  testRules,
} from "../../../src/core/model/index.js";
import {
  assertCreateCall,
  parseOptionsOf,
  prepareCreate,
  type CreateRequest,
} from "../../../src/core/rules/index.js";
import {
  expectFailure,
  sampleDefinition,
  sampleDisk,
  sampleDomain,
} from "./support/rules-samples.js";

function request(
  over: Partial<CreateRequest> & { disks?: DiskSnapshot[]; memory?: MemorySnapshot },
) {
  const { disks = [], memory, ...rest } = over;
  return {
    parsed: { name: "s", creationTime: 0n, disks, ...(memory ? { memory } : {}) },
    flags: {},
    domain: sampleDomain(),
    rules: qemuRules,
    existingNames: new Set<string>(),
    nowSeconds: 1700000000n,
    ...rest,
  } satisfies CreateRequest;
}

function domainWith(disk: Partial<DomainDisk>, state: "shutoff" | "running" = "shutoff") {
  return sampleDomain({ state, definition: sampleDefinition([sampleDisk("vda", disk)]) });
}

const running = sampleDomain({ state: "running" });
const diskOnly: CreateFlags = { diskOnly: true };
const disk = (mode: SnapshotMode, over: Partial<DiskSnapshot> = {}): DiskSnapshot => ({
  name: "vda",
  type: "file",
  mode,
  ...over,
});

describe("prepareCreate", () => {
  it("completes an empty request of a domain that is off", () => {
    const domain = sampleDomain();
    const snapshot = prepareCreate(request({ domain, currentParent: "p" }));
    expect(snapshot).to.deep.equal({
      name: "s",
      state: "shutoff",
      parent: "p",
      creationTime: 1700000000n,
      memory: { mode: "no" },
      disks: [
        { name: "vda", type: "file", mode: "internal" },
        { name: "vdb", type: "file", mode: "internal" },
      ],
      domain: domain.definition,
    });
  });

  it("keeps the next-boot definition of an active domain only", () => {
    const inactiveDefinition = sampleDefinition([sampleDisk("vda")]);
    const taken = (state: "running" | "shutoff") =>
      prepareCreate(request({ domain: sampleDomain({ state, inactiveDefinition }) }))
        .inactiveDomain;
    expect(taken("running")).to.equal(inactiveDefinition);
    expect(taken("shutoff")).to.equal(undefined);
  });

  const kinds: [string, Parameters<typeof request>[0], string, string, string][] = [
    ["disk only, active", { flags: diskOnly, domain: running }, "disk-snapshot", "no", "external"],
    ["disk only, off", { flags: diskOnly }, "shutoff", "no", "external"],
    [
      "memory in a file",
      { domain: running, memory: { mode: "external", file: "/m" } },
      "running",
      "external",
      "external",
    ],
    ["off", {}, "shutoff", "no", "internal"],
    ["running", { domain: running }, "running", "internal", "internal"],
    [
      "running without memory, test driver",
      { domain: running, memory: { mode: "no" }, rules: testRules },
      "running",
      "internal",
      "internal",
    ],
  ];
  for (const [what, over, state, memory, mode] of kinds)
    it(`decides the kind: ${what}`, () => {
      const snapshot = prepareCreate(request(over));
      const modes = [...new Set(snapshot.disks.map((decided) => decided.mode))];
      expect([snapshot.state, snapshot.memory?.mode, ...modes]).to.deep.equal([
        state,
        memory,
        mode,
      ]);
    });

  it("gives external disks qcow2 in the QEMU driver, and leaves it to backends in ours", () => {
    const formats = (rules: typeof qemuRules) =>
      prepareCreate(request({ flags: diskOnly, rules })).disks.map((decided) => decided.format);
    expect(formats(qemuRules)).to.deep.equal(["qcow2", "qcow2"]);
    expect(formats(domsnapRules)).to.deep.equal([undefined, undefined]);
  });

  describe("refuses", () => {
    const refusals: [
      string,
      Parameters<typeof request>[0],
      Parameters<typeof expectFailure>[1],
      string,
    ][] = [
      [
        "memory left out of a running domain",
        { domain: running, memory: { mode: "no" } },
        "operation-unsupported",
        "internal snapshot of a running VM must include the memory state",
      ],
      [
        "live without memory in a file",
        { domain: running, flags: { live: true } },
        "operation-unsupported",
        "live snapshot creation is supported only during full system snapshots",
      ],
      [
        "a suspended guest",
        { domain: sampleDomain({ state: "pmsuspended" }) },
        "operation-unsupported",
        "qemu doesn't support taking snapshots of PMSUSPENDED guests",
      ],
      [
        "a blocked guest",
        { domain: sampleDomain({ state: "blocked" }) },
        "internal-error",
        "Invalid domain state blocked",
      ],
      [
        "an internal disk of a running domain, disks only",
        { domain: running, flags: diskOnly, disks: [disk("internal")] },
        "config-unsupported",
        "active qemu domains require external disk snapshots; disk vda requested internal",
      ],
      [
        "internal on a network disk",
        { domain: domainWith({ type: "network", source: { protocol: "rbd", path: "p/i" } }) },
        "internal-error",
        "internal inactive snapshots are not supported on 'network' disks using 'rbd' protocol",
      ],
      [
        "internal on a volume",
        { domain: domainWith({ type: "volume", source: {} }) },
        "internal-error",
        "internal inactive snapshots are not supported on 'volume' disks",
      ],
      [
        "internal in a raw image",
        { domain: domainWith({ format: "raw" }) },
        "config-unsupported",
        "internal snapshot for disk vda unsupported for storage type raw",
      ],
      [
        "an external format",
        { flags: diskOnly, disks: [disk("external", { format: "raw" })] },
        "config-unsupported",
        "external snapshot format for disk vda is unsupported: raw",
      ],
      [
        "a metadata cache of another format",
        {
          flags: diskOnly,
          disks: [disk("external", { format: "qed", metadataCacheMaxBytes: 1n })],
        },
        "config-unsupported",
        "metadata cache max size control is supported only with qcow2 images",
      ],
      [
        "an external target on the network, off",
        {
          flags: diskOnly,
          disks: [disk("external", { type: "network", source: { protocol: "nbd", path: "x" } })],
        },
        "internal-error",
        "external inactive snapshots are not supported on 'network' disks",
      ],
      [
        "scsi passthrough, running",
        { flags: diskOnly, domain: domainWith({ device: "lun" }, "running") },
        "config-unsupported",
        "external active snapshots are not supported on scsi passthrough devices",
      ],
      [
        "sd bus, running",
        { flags: diskOnly, domain: domainWith({ bus: "sd" }, "running") },
        "operation-unsupported",
        "block jobs are not supported on disk 'vda' using bus 'sd'",
      ],
      [
        "transient disk, running",
        { flags: diskOnly, domain: domainWith({ transient: true }, "running") },
        "operation-unsupported",
        "block jobs are not supported on transient disk 'vda'",
      ],
      [
        "shared disk",
        { flags: diskOnly, domain: domainWith({ shareable: true }) },
        "config-unsupported",
        "shared access for disk 'vda' requires use of supported storage format",
      ],
      [
        "nothing",
        { flags: diskOnly, domain: domainWith({ snapshot: "no" }) },
        "config-unsupported",
        "nothing selected for snapshot",
      ],
      [
        "a disk left out of an internal snapshot",
        {
          domain: sampleDomain({
            definition: sampleDefinition([
              sampleDisk("vda"),
              sampleDisk("vdb", { snapshot: "no" }),
            ]),
          }),
        },
        "config-unsupported",
        "internal and full system snapshots require all disks to be selected for snapshot",
      ],
      [
        "internal memory without an internal disk",
        { domain: domainWith({ snapshot: "no" }, "running") },
        "config-unsupported",
        "internal and full system snapshots require all disks to be selected for snapshot",
      ],
      [
        "disks only without an external one",
        {
          flags: diskOnly,
          domain: domainWith({ snapshot: "manual" }, "running"),
          rules: qemuRules,
        },
        "config-unsupported",
        "nothing selected for snapshot",
      ],
      [
        "a mix",
        {
          domain: sampleDomain({
            definition: sampleDefinition([
              sampleDisk("vda"),
              sampleDisk("vdb", { snapshot: "external" }),
            ]),
          }),
        },
        "config-unsupported",
        "mixing internal and external targets for a snapshot is not yet supported",
      ],
      [
        "internal with pflash firmware",
        {
          domain: sampleDomain({
            definition: sampleDefinition(undefined, { pflashFirmware: true }),
          }),
        },
        "operation-unsupported",
        "internal snapshots of a VM with pflash based firmware are not supported",
      ],
      [
        "manual in the test driver",
        { rules: testRules, disks: [disk("manual")] },
        "operation-unsupported",
        "'manual' snapshot mode is not supported by the test driver",
      ],
      [
        "a taken name, last",
        { existingNames: new Set(["s"]) },
        "operation-failed",
        "domain moment s already exists",
      ],
    ];
    for (const [what, over, code, text] of refusals)
      it(what, () => {
        expectFailure(() => prepareCreate(request(over)), code, text);
      });

    it("names that no file can have, unless nothing is recorded", () => {
      const named = (name: string, flags: CreateFlags = {}) =>
        request({ parsed: { name, creationTime: 0n, disks: [] }, flags });
      expectFailure(
        () => prepareCreate(named("a/b")),
        "xml-detail",
        "invalid snapshot name 'a/b': name can't contain '/'",
      );
      expectFailure(
        () => prepareCreate(named(".x")),
        "xml-detail",
        "invalid snapshot name '.x': name can't start with '.'",
      );
      expect(prepareCreate(named("a/b", { noMetadata: true })).name).to.equal("a/b");
    });
  });

  describe("target files", () => {
    const target = "/img/vda.s";
    const check = (fact: FileFact, over: Parameters<typeof request>[0] = {}) =>
      prepareCreate(
        request({
          flags: diskOnly,
          domain: domainWith({}),
          probe: (path) => (path === target ? fact : { kind: "regular", sizeBytes: 1 }),
          ...over,
        }),
      );
    const reuse = { flags: { diskOnly: true, reuseExternal: true } };

    it("may be absent or empty, or full if reused", () => {
      for (const fact of [{ kind: "absent" }, { kind: "regular", sizeBytes: 0 }] as const)
        expect(check(fact).disks[0]?.source?.path).to.equal(target);
      expect(check({ kind: "regular", sizeBytes: 9 }, reuse).disks).to.have.length(1);
    });

    it("may be states of a storage, under names of its own", () => {
      const stored = (fact: FileFact, over: Parameters<typeof request>[0] = {}) =>
        check(fact, { nameState: () => target, ...over });
      expect(stored({ kind: "absent", isStorage: true }).disks[0]).to.deep.include({
        type: "block",
        source: { path: target },
      });
      expect(stored({ kind: "stored" }, reuse).disks).to.have.length(1);
      expectFailure(
        () => stored({ kind: "stored" }),
        "config-unsupported",
        `external snapshot for disk vda already exists: ${target}`,
      );
      expectFailure(
        () => check({ kind: "stored" }),
        "config-unsupported",
        `'${target}' for disk 'vda' is no file: it needs the type 'block'`,
      );
    });

    it("are refused otherwise", () => {
      expectFailure(
        () => check({ kind: "regular", sizeBytes: 9 }),
        "config-unsupported",
        `external snapshot file for disk vda already exists and is not a block device: ${target}`,
      );
      expectFailure(
        () => check({ kind: "absent" }, reuse),
        "system-error",
        `missing existing file for disk vda: ${target}: No such file or directory`,
      );
      expectFailure(
        () => check({ kind: "other" }),
        "config-unsupported",
        `mismatch between configured type for snapshot disk 'vda' and the type of existing file '${target}'`,
      );
      expectFailure(
        () => check({ kind: "unknown", reason: "Permission denied" }),
        "system-error",
        `unable to stat for disk vda: ${target}: Permission denied`,
      );
      const block = disk("external", { type: "block", source: { path: target } });
      expectFailure(
        () => check({ kind: "absent" }, { disks: [block] }),
        "operation-unsupported",
        `block device snapshot target '${target}' doesn't exist`,
      );
    });
  });

  describe("with domsnap's rules", () => {
    it("lets every disk of a domain that is off stand alone", () => {
      const disks = [disk("external"), { name: "vdb", type: "file", mode: "no" } as const];
      const modes = prepareCreate(request({ rules: domsnapRules, disks })).disks.map((d) => d.mode);
      expect(modes).to.deep.equal(["external", "no"]);
    });

    it("mixes internal and external, while off only", () => {
      const mixed = { rules: domsnapRules, disks: [disk("external", { format: "vhd" })] };
      expect(prepareCreate(request(mixed)).disks.map((d) => d.mode)).to.deep.equal([
        "external",
        "internal",
      ]);
      expectFailure(
        () => prepareCreate(request({ ...mixed, domain: running })),
        "config-unsupported",
        "disk 'vda' must use snapshot mode 'internal'",
      );
    });

    it("mixes them on Xen while running, too, with memory or without", () => {
      const mixed = { rules: domsnapXenRules, domain: running, disks: [disk("external")] };
      expect(prepareCreate(request(mixed)).memory).to.deep.equal({ mode: "internal" });
      expect(prepareCreate(request(mixed)).disks.map((d) => d.mode)).to.deep.equal([
        "external",
        "internal",
      ]);
      const inside = { ...mixed, disks: [disk("internal"), disk("internal", { name: "vdb" })] };
      const diskOnly = prepareCreate(request({ ...inside, flags: { diskOnly: true } }));
      expect(diskOnly.state).to.equal("disk-snapshot");
    });

    it("counts on while a default name is taken", () => {
      const nameless = {
        parsed: { creationTime: 0n, disks: [] },
        existingNames: new Set(["1700000000", "1700000001"]),
      };
      const named = (rules: typeof qemuRules) =>
        prepareCreate(request({ ...nameless, rules })).name;
      expect(named(domsnapRules)).to.equal("1700000002");
      expectFailure(
        () => named(qemuRules),
        "operation-failed",
        "domain moment 1700000000 already exists",
      );
    });
  });
});

describe("assertCreateCall", () => {
  it("refuses to halt a domain that would be gone", () => {
    expectFailure(
      () =>
        assertCreateCall({
          flags: { halt: true },
          domain: sampleDomain({ persistent: false, state: "running" }),
          rules: qemuRules,
        }),
      "operation-invalid",
      "cannot halt after transient domain snapshot",
    );
  });
});

describe("parseOptionsOf", () => {
  it("knows that there is no memory while a domain is off, except in the test driver", () => {
    const offline = (rules: typeof qemuRules, domain = sampleDomain(), flags: CreateFlags = {}) =>
      parseOptionsOf({ flags, domain, rules }).offline;
    expect(offline(qemuRules)).to.equal(true);
    expect(offline(qemuRules, running)).to.equal(false);
    expect(offline(qemuRules, running, diskOnly)).to.equal(true);
    expect(offline(testRules)).to.equal(false);
  });
});
