import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";

import { expect } from "chai";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { patience } from "../../scripts/test-run/patience.cjs";
import { openSnapshotService } from "../../src/container.js";

const program = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));

/** What people make by hand while domsnap is away is theirs. */
describe("a raw disk whose copy was interrupted by kill -9", function () {
  this.timeout(patience(60_000));
  let folder: string;
  let uri: string;
  const image = () => join(folder, "guest.raw");
  const copy = () => join(folder, "guest.s1");

  before(ensureBuilt);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-strangers-"));
    uri = pathToFileURL(folder).href;
    writeFileSync(image(), Buffer.alloc(8 * 1024 * 1024, 7));
    writeFileSync(
      join(folder, "guest.xml"),
      `<domain type='xen'><name>guest</name><uuid>1f6d4e8a-0c1b-4a52-9d4c-3c2f4f1f6f77</uuid>
       <memory unit='MiB'>64</memory><os><type>hvm</type></os><devices>
       <disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='${image()}'/>
       <target dev='vda' bus='virtio'/></disk></devices></domain>`,
    );
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  /** Kills domsnap as soon as `cp` has begun; a `cp` of ours waits until it is told to go on. */
  const killAmidCopy = async () => {
    const tools = join(folder, "tools");
    const script = `#!/bin/sh\ntouch ${folder}/begun\nwhile [ ! -e ${folder}/go ]; do sleep 0.05; done\nexit 1\n`;
    mkdirSync(tools);
    writeFileSync(join(tools, "cp"), script, { mode: 0o755 });
    const spec = `vda,driver=raw,file=${copy()},snapshot=external`;
    const args = [
      program,
      "-q",
      "-c",
      uri,
      "snapshot-create-as",
      "guest",
      "s1",
      "--diskspec",
      spec,
    ];
    const child = spawn(process.execPath, args, {
      stdio: "ignore",
      env: { ...process.env, PATH: `${tools}:${process.env["PATH"] ?? ""}` },
    });
    while (!existsSync(join(folder, "begun"))) await sleep(20);
    child.kill("SIGKILL");
    await once(child, "exit");
    writeFileSync(join(folder, "go"), "");
  };

  it("leaves the file that was made by hand at the name of the copy", async () => {
    await killAmidCopy();
    writeFileSync(copy(), "made by hand");
    const service = await openSnapshotService(uri);
    const { heads } = await service.list("guest");
    expect(heads).to.deep.equal([]);
    expect(readFileSync(copy(), "utf8")).to.equal("made by hand");
    expect(readdirSync(folder).filter((name) => name.includes("domsnap-"))).to.deep.equal([]);
    expect(await service.recover()).to.deep.equal([]);
    expect(readFileSync(image()).every((byte) => byte === 7)).to.equal(true);
  });
});
