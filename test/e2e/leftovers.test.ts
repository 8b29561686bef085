import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";

import { createContainer, openSnapshotService } from "../../src/container.js";
import { newToken, temporaryName } from "../../src/core/model/index.js";
import type { SnapshotService } from "../../src/core/operations/snapshot-service.js";
import { HostFiles } from "../../src/core/ports/index.js";
import { hostFiles } from "../../src/host/host-files.js";
import { FileJournal } from "../../src/plugins/store-file/file-journal.js";
import { samplePlan } from "../../src/testing/journal-contract.js";
import { domainXml, ImportLab, qemuImg, UUID } from "../migration/support/import-lab.js";

const BESIDE = "22222222-2222-4222-8222-222222222222";

describe("incomplete files beside the images of two domains", () => {
  let lab: ImportLab;
  let journal: FileJournal;
  let service: SnapshotService;
  /** Runs right before a folder is listed. */
  let beforeListing: () => Promise<void>;
  beforeEach(async () => {
    lab = new ImportLab();
    beforeListing = () => Promise.resolve();
    const container = createContainer();
    container.rebind<HostFiles>(HostFiles).toConstantValue({
      ...hostFiles,
      list: async (folder) => {
        await beforeListing();
        return hostFiles.list(folder);
      },
    });
    service = await openSnapshotService(lab.uri, container);
    for (const [uuid, name, disk] of [
      [UUID, "vm1", "vda"],
      [BESIDE, "vm2", "vdb"],
    ] as const) {
      qemuImg("create", "-q", "-f", "qcow2", join(lab.folder, `${disk}.qcow2`), "1M");
      await service.registry?.define(domainXml(lab.folder, { uuid, name, disks: [disk] }));
    }
    journal = new FileJournal(join(lab.connection, "snapshots"));
  });
  afterEach(() => {
    lab.remove();
  });

  /** The other domain begins a change that makes a file beside an image of the first. */
  async function begin(): Promise<string> {
    const token = newToken();
    await journal.begin({ plan: samplePlan(BESIDE), token, found: [] });
    const file = temporaryName(join(lab.folder, "vda.s1"), "partial", token);
    writeFileSync(file, "half");
    return file;
  }

  async function repair() {
    const [report] = await service.check(UUID);
    await service.repair(UUID, report?.findings ?? []);
    return report?.findings ?? [];
  }

  it("are left while the change that makes them is under way, and go when it is over", async () => {
    const file = await begin();
    expect(await repair()).to.deep.equal([]);
    expect(existsSync(file)).to.equal(true);
    await journal.end(BESIDE);
    expect((await repair()).map(({ code }) => code)).to.deep.equal(["file-leftover"]);
    expect(existsSync(file)).to.equal(false);
  });

  it("are left when the change begins while the check looks for it", async () => {
    let file: string | undefined;
    beforeListing = async () => {
      file ??= await begin();
    };
    expect(await repair()).to.deep.equal([]);
    expect(existsSync(file ?? "")).to.equal(true);
  });

  it("are left while a journal cannot be read, and that is said", async () => {
    const file = temporaryName(join(lab.folder, "vda.s1"), "partial", newToken());
    writeFileSync(file, "half");
    const folder = join(lab.connection, "snapshots", BESIDE);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(join(folder, "journal"), "not a journal\n", { mode: 0o600 });
    const [finding, ...others] = await repair();
    expect(others).to.deep.equal([]);
    expect(finding).to.include({ code: "file-leftover", subject: file });
    expect(finding?.detail).to.include(`${BESIDE}/journal`);
    expect(existsSync(file)).to.equal(true);
  });
});
