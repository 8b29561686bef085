import { expect } from "chai";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { ImportLab, metadata, UUID } from "./support/import-lab.js";

const PROGRAM = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));
const COUNT = 1500;

describe("an import that is killed", () => {
  let lab: ImportLab;
  beforeEach(async () => {
    lab = new ImportLab();
    await lab.define();
  });
  afterEach(() => lab.remove());

  it("leaves all of its snapshots or none, and is simply made again", async function () {
    this.timeout(60_000);
    const names = Array.from({ length: COUNT }, (_, index) => `s${String(index)}`);
    const source = lab.metadata(
      Object.fromEntries(
        names.map((name, index) => [
          `${name}.xml`,
          metadata(
            name,
            index === 0 ? {} : { parent: `s${String(index - 1)}` },
            index === COUNT - 1,
          ),
        ]),
      ),
    );
    const child = spawn(
      process.execPath,
      [PROGRAM, "-c", lab.uri, "import", source, "--metadata"],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => child.on("exit", resolve));
    const records = join(lab.connection, "snapshots", UUID);
    // In the middle of the records: the first batch is there, the last is not.
    while (!existsSync(join(records, "s300.xml")) && child.exitCode === null)
      await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill("SIGKILL");
    await ended;
    const wasComplete = existsSync(join(records, `s${String(COUNT - 1)}.xml`));

    const left = Object.keys(await lab.tree()).length;
    expect(left).to.be.oneOf(wasComplete ? [0, COUNT] : [0]);
    expect(existsSync(join(records, "journal"))).to.equal(false);

    await lab.import(source, { metadataOnly: true });
    expect(Object.keys(await lab.tree())).to.have.length(COUNT);
    expect(await lab.current()).to.equal(`s${String(COUNT - 1)}`);
  });
});
