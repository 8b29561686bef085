import { expect } from "chai";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import type { DomsnapError } from "../../src/core/errors/index.js";
import { TEMPORARY_SUFFIX } from "../../src/host/state-files.js";
import { ImportLab, metadata, UUID } from "./support/import-lab.js";

const PROGRAM = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));
const COUNT = 1500;

describe("an import that is killed", function () {
  let lab: ImportLab;
  let source: string;
  const last = `s${String(COUNT - 1)}`;
  const records = () => join(lab.connection, "snapshots", UUID);
  before(ensureBuilt);
  beforeEach(() => {
    lab = new ImportLab();
    source = lab.metadata(
      Object.fromEntries(
        Array.from({ length: COUNT }, (_, index) => [
          `s${String(index)}.xml`,
          metadata(
            `s${String(index)}`,
            index === 0 ? {} : { parent: `s${String(index - 1)}` },
            index === COUNT - 1,
          ),
        ]),
      ),
    );
  });
  afterEach(() => lab.remove());

  /** Kills an import when a file is there. */
  async function killWhenThere(path: string, ...options: string[]): Promise<void> {
    const args = ["-c", lab.uri, "import", source, "--metadata", ...options];
    const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.on("exit", resolve));
    while (!existsSync(path) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill("SIGKILL");
    await ended;
  }

  async function expectAll(): Promise<void> {
    expect(Object.keys(await lab.tree())).to.have.length(COUNT);
    expect(await lab.current()).to.equal(last);
  }

  it("leaves all of its snapshots or none, and is simply made again", async () => {
    await lab.define();
    // In the middle of the records: the first batch is there, the last is not.
    await killWhenThere(join(records(), "s300.xml"));
    const wasComplete = existsSync(join(records(), `${last}.xml`));

    const left = Object.keys(await lab.tree()).length;
    expect(left).to.be.oneOf(wasComplete ? [0, COUNT] : [0]);
    expect(existsSync(join(records(), "journal"))).to.equal(false);

    await lab.import(source, { metadataOnly: true });
    await expectAll();
  });

  it("may leave the domain that it has defined, and goes on with it", async () => {
    await killWhenThere(join(lab.connection, "vm1.xml"), "--define");
    expect(existsSync(join(records(), `${last}.xml`))).to.equal(false);
    expect(await lab.tree()).to.deep.equal({});
    await lab.import(source, { metadataOnly: true, define: true });
    await expectAll();
  });

  it("takes back the domain that it has defined when its records cannot be written", async () => {
    mkdirSync(records(), { recursive: true });
    // A folder where the last record is written first.
    mkdirSync(join(records(), `${last}.xml${TEMPORARY_SUFFIX}`));
    const error: unknown = await lab
      .import(source, { metadataOnly: true, define: true })
      .catch((thrown: unknown) => thrown);
    expect((error as DomsnapError).effect).to.equal("rolled-back");
    expect(await (await lab.service()).listDomains()).to.deep.equal([]);
    expect(readdirSync(records()).filter((name) => name.endsWith(".xml"))).to.deep.equal([]);
  });
});
