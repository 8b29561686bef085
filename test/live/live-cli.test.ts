import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { openSnapshotService } from "../../src/container.js";
import { runInProcess } from "../cli/run-in-process.js";
import { isOneInstant, LiveLab } from "./support/live-lab.js";

const fixture = (name: string) =>
  readFileSync(
    fileURLToPath(new URL(`../../fixtures/libvirt-xml/${name}`, import.meta.url)),
    "utf8",
  );

describe("a real guest through the command line", function () {
  this.timeout(patience(120_000));
  let lab: LiveLab;

  beforeEach(async () => {
    lab = await LiveLab.open({ disks: 1 });
  });
  afterEach(() => lab.close());

  const run = (...argv: string[]) =>
    runInProcess(argv, { openService: (uri) => openSnapshotService(uri) });

  /** Runs a command that has to succeed, and gives its output. */
  const domsnap = async (...words: string[]): Promise<string> => {
    const { status, stdout, stderr } = await run("-c", lab.uri, ...words);
    expect(status, stderr).to.equal(0);
    return stdout;
  };

  /** A document of the fixtures, with its files in the lab's folder. */
  const documentOf = (name: string): string => {
    const path = join(lab.folder, name.replace(".xml", ".document"));
    writeFileSync(path, fixture(name).replaceAll("/var/lib/libvirt/images", lab.folder));
    return path;
  };

  for (const [name, snapshot] of [
    ["external-with-memory.xml", "checkpoint"],
    ["internal-with-memory.xml", "running"],
  ] as const)
    it(`brings memory and disks back as ${name} tells`, async () => {
      expect(await domsnap("start", "guest")).to.equal("Domain 'guest' started\n\n");
      await lab.console.waitForTick(3);
      const before = lab.console.ticks;
      const file = documentOf(name);
      const created = await domsnap("snapshot-create", "guest", file);
      expect(created).to.match(
        /^Domain snapshot \w+ created from '.*'\nThe guest was paused for \d+\.\d ms, \d+ MiB of memory, disks and memory at one instant\n$/,
      );
      const after = lab.console.ticks;
      await lab.steps(3);
      expect(await domsnap("snapshot-revert", "guest", snapshot)).to.include("reverted");
      await lab.console.waitForTick(1);
      const first = Number(/tick (\d+)/.exec(lab.console.text)?.[1]);
      expect(first).to.be.within(before, after + 2);
      await lab.steps(3);
      // The guest compares its disk with its memory at every step, and tells when it has booted.
      expect(lab.console.torn).to.deep.equal([]);
      expect(lab.console.found).to.equal(undefined);
      const json = JSON.parse(
        await domsnap("--json", "snapshot-delete", "guest", snapshot),
      ) as object;
      expect(json).to.include({ executed: true });
      await lab.steps(2);
      expect(await domsnap("destroy", "guest")).to.equal("Domain 'guest' destroyed\n\n");
      expect(isOneInstant(lab.stamps())).to.equal(true);
    });

  it("switches a guest as virsh does, with its messages", async () => {
    const quietly = (...words: string[]) => run("-q", "-c", lab.uri, ...words);
    const state = () => domsnap("-q", "domstate", "guest");
    expect(await domsnap("--dry-run", "start", "guest")).to.include("Plan: start domain 'guest'");
    expect(await state()).to.equal("shut off\n");
    await domsnap("start", "guest", "--paused");
    expect(await state()).to.equal("paused\n");
    expect(await domsnap("resume", "guest")).to.equal("Domain 'guest' resumed\n\n");
    expect(await state()).to.equal("running\n");
    const twice = await quietly("start", "guest");
    expect(twice.status).to.equal(1);
    expect(twice.stderr).to.include(
      "error: Failed to start domain 'guest'\nerror: Requested operation is not valid: domain is already running",
    );
    expect(await domsnap("suspend", "guest")).to.equal("Domain 'guest' suspended\n\n");
    expect(await state()).to.equal("paused\n");
    const refused = await quietly("--readonly", "destroy", "guest");
    expect(refused.stderr).to.include("read only access prevents virDomainDestroy");
    expect(await domsnap("destroy", "guest")).to.equal("Domain 'guest' destroyed\n\n");
    expect((await quietly("suspend", "guest")).stderr).to.include("domain is not running");
  });

  it("measures as data, and plans without effect", async () => {
    await domsnap("start", "guest");
    await lab.console.waitForTick(2);
    const plan = await domsnap("--dry-run", "snapshot-create-as", "guest", "s");
    expect(plan).to.include("take memory and vda at one instant");
    const created = await domsnap(...["--json", "snapshot-create-as", "guest", "s", "--disk-only"]);
    const { measures } = JSON.parse(created) as { measures: unknown };
    expect(measures).to.deep.equal({
      downtimeMs: 0,
      bytesWritten: 0,
      consistency: "crash-consistent",
    });
  });
});
