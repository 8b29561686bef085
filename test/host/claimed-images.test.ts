import { once } from "node:events";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import type { ImageUser } from "../../src/core/ports/index.js";
import { KernelImageLocks } from "../../src/host/claimed-images.js";
import { expectError } from "../../src/testing/index.js";
import { testFolder } from "../support/images/folder.js";

const [X, Y] = ["1:1", "1:2"].map((thing) => ({ thing, place: `/${thing}`, shared: false })) as [
  Claim,
  Claim,
];
type Claim = { thing: string; place: string; shared: boolean };
const shared = (claim: Claim) => ({ ...claim, shared: true });
const NOW = { timeoutMs: 0 };

describe("locks on images", () => {
  const folder = testFolder();
  const locks = () => new KernelImageLocks(() => [folder.path]);
  const user = (name: string, since = locks().now()): ImageUser => ({ name, token: name, since });
  const nothing = () => Promise.resolve();

  it("keep out whoever would change what others use, and let readers be many", async () => {
    await locks().run([shared(X)], user("a"), NOW, async () => {
      expect(await locks().run([shared(X)], user("b"), NOW, nothing)).to.have.property("result");
      await expectError(locks().run([Y, X], user("c"), NOW, nothing), "locked", /'\/1:1'.* of b /);
      // Who was refused holds nothing.
      expect(await locks().run([Y], user("d"), NOW, nothing)).to.have.property("result");
    });
    expect(await locks().run([X], user("c"), NOW, nothing)).to.have.property("result");
  });

  it("tell of an image that others have changed since it was looked at, not of one that they read", async () => {
    const looked = locks().now();
    await locks().run([shared(X), Y], user("a"), NOW, nothing);
    const run = (claim: Claim, name: string, since: bigint) =>
      locks().run([claim], user(name, since), NOW, nothing);
    expect(await run(shared(X), "b", looked)).to.have.property("result");
    expect(await run(X, "b", looked)).to.deep.equal({ overtaken: "/1:1" });
    expect(await run(Y, "a", looked)).to.have.property("result");
    expect(await run(shared(Y), "b", looked)).to.deep.equal({ overtaken: "/1:2" });
    expect(await run(Y, "b", locks().now())).to.have.property("result");
  });

  it("tell once of an image whose user was killed, however it was used", async () => {
    for (const claim of [X, shared(Y)]) {
      const script = fileURLToPath(new URL("support/claim-and-die.ts", import.meta.url));
      const args = ["--import", "tsx", script, folder.path, JSON.stringify(claim)];
      const [, signal] = (await once(spawn(process.execPath, args), "exit")) as [null, string];
      expect(signal).to.equal("SIGKILL");
      const own = { ...claim, shared: false };
      const run = () => locks().run([own], user(`next ${claim.thing}`), NOW, nothing);
      expect(await run()).to.deep.equal({ overtaken: claim.place });
      expect(await run()).to.have.property("result");
    }
  });

  it("know nothing of what they did not write themselves", async () => {
    await locks().run([X], user("a"), NOW, nothing);
    const images = join(folder.path, "images");
    const [name = ""] = readdirSync(images);
    const use = { ended: false, at: "1", token: "t" };
    for (const text of ["", "{", "null", "7", '{"shared":{},"exclusive":[],"holder":{}}'])
      for (const written of [
        text,
        JSON.stringify({ exclusive: { ...use, at: "x" }, shared: [0] }),
      ]) {
        writeFileSync(join(images, name), written);
        const run = locks().run([X], user("b"), NOW, nothing);
        expect(await run, written).to.have.property("result");
      }
  });

  it("are not kept in a folder that others can write to", async () => {
    const open = join(folder.path, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const run = new KernelImageLocks(() => [open]).run([X], user("a"), NOW, nothing);
    await expectError(run, "system-error", /is not ours alone/);
  });
});
