import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import type { ProgressEvent } from "../../src/core/execute/progress-event.js";
import { expectError } from "../../src/testing/index.js";
import { LiveLab } from "./support/live-lab.js";

/** Somebody else's files at names that a snapshot of a running guest needs, made meanwhile. */
describe("a running guest, and files of somebody else", function () {
  this.timeout(patience(120_000));
  let lab: LiveLab;
  beforeEach(async () => {
    lab = await LiveLab.open({ disks: 1 });
    await lab.wake();
  });
  afterEach(() => lab.close());

  /** Takes a snapshot while a file appears at a path, as soon as memory is being saved. */
  const createBeside = (path: string) => {
    const memory = `snapshot='external' file='${lab.memoryFile("s")}'`;
    const document = lab.document("s", { mode: "external", memory });
    const onProgress = (event: ProgressEvent) => {
      if (event.type === "operation-started" && event.kind === "domain.capture")
        writeFileSync(path, "precious", { flag: "wx" });
    };
    return lab.service.create("guest", document, {}, { onProgress });
  };

  const leftovers = () =>
    readdirSync(dirname(lab.memoryFile("s"))).filter((name) => name.includes("domsnap-"));

  it("leaves one that took the name of the memory file, and takes all the rest back", async () => {
    const file = lab.memoryFile("s");
    const error = await expectError(createBeside(file), "image-conflict");
    expect(error.effect).to.equal("rolled-back");
    expect(error.message).to.include(file);
    expect(readFileSync(file, "utf8")).to.equal("precious");
    expect(leftovers()).to.deep.equal([]);
    expect((await lab.service.list("guest")).heads).to.deep.equal([]);
    await lab.expectHealthy();
  });

  it("is not held up by one that stands beside", async () => {
    const file = `${lab.memoryFile("s")}.domsnap-partial`;
    await createBeside(file);
    expect(readFileSync(file, "utf8")).to.equal("precious");
    await lab.service.delete("guest", "s", {});
    expect(readFileSync(file, "utf8")).to.equal("precious");
    await lab.expectHealthy();
  });
});
