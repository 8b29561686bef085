import { randomBytes } from "node:crypto";
import { execFileSync, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { patience } from "../../scripts/test-run/patience.cjs";
import { argumentsOf, identifyProcess } from "../../src/host/process-facts.js";
import { startDomsnap, tryDomsnap } from "./support/run-domsnap.js";

const child = fileURLToPath(new URL("../live/support/dying-child.mjs", import.meta.url));

const COPY = ["--disk-only", "--diskspec", "vda,snapshot=external,driver=raw"];
const OVERLAY = ["--disk-only", "--diskspec", "vda,snapshot=external"];

describe("two domains that share an image", function () {
  this.timeout(patience(120_000));
  let folder: string;
  /** Connections that know nothing of one another. */
  let uris: readonly [string, string];
  let image: string;
  let other: string;

  before(ensureBuilt);
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-shared-"));
    image = join(folder, "disk.raw");
    other = join(folder, "same.raw");
    const [here, there] = [join(folder, "here"), join(folder, "there")];
    for (const one of [here, there]) mkdirSync(one);
    uris = [`file://${here}`, `file://${there}`];
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const define = (uri: string, name: string, path: string, format: string) => {
    const xml =
      `<domain type='qemu'><name>${name}</name><memory>1024</memory><os><type>hvm</type></os>` +
      `<devices><disk type='file' device='disk'><driver name='qemu' type='${format}'/>` +
      `<source file='${path}'/><target dev='vda'/></disk></devices></domain>`;
    const file = join(folder, `${name}.document`);
    writeFileSync(file, xml);
    const { status, stderr } = tryDomsnap(uri, ["define", file]);
    expect(status, stderr).to.equal(0);
  };
  const take = (uri: string, domain: string, form: string[]) =>
    tryDomsnap(uri, ["snapshot-create-as", domain, "t", ...form, "--lock-timeout", "0"]);
  const expectTaken = (uri: string, domain: string, form: string[]) => {
    const { status, stderr } = take(uri, domain, form);
    expect(status, stderr).to.equal(0);
  };
  const expectRefused = (uri: string, domain: string, form: string[], reason: string) => {
    const { status, stderr } = take(uri, domain, form);
    expect(stderr).to.contain(reason);
    expect(status).to.equal(1);
    expect(tryDomsnap(uri, ["snapshot-list", domain, "--name"]).stdout.trim()).to.equal("");
  };

  describe("that is being copied for one of them", () => {
    let worker: ChildProcess;
    let copy: number | undefined;

    beforeEach(async () => {
      writeFileSync(image, randomBytes(32 * 1024 * 1024));
      linkSync(image, other);
      define(uris[0], "one", image, "raw");
      define(uris[1], "two", other, "raw");
      // Its copy is stopped in the middle.
      for (let name = "s"; copy === undefined; name = `${name}1`) {
        worker = startDomsnap(uris[0], ["snapshot-create-as", "one", name, ...COPY]);
        copy = await stoppedCopyOf(worker.pid ?? 0);
      }
    });
    afterEach(() => {
      if (copy !== undefined && identifyProcess(copy)) process.kill(copy, "SIGKILL");
      copy = undefined;
      worker.kill("SIGKILL");
    });
    const refusal = () => `image '${other}' is being used by a change of domain 'one' (process `;

    it("is not changed for the other meanwhile, by whatever name", async () => {
      expectRefused(uris[1], "two", OVERLAY, refusal());
      process.kill(copy ?? 0, "SIGCONT");
      await once(worker, "exit");
      expectTaken(uris[1], "two", OVERLAY);
    });

    it("is copied for the other as well", () => {
      expectTaken(uris[1], "two", COPY);
    });

    it("is kept by the copy that a killed domsnap has left", async () => {
      worker.kill("SIGKILL");
      await once(worker, "exit");
      expectRefused(uris[1], "two", OVERLAY, refusal());
      process.kill(copy ?? 0, "SIGKILL");
      while (identifyProcess(copy ?? 0)) await wait(5);
      expectTaken(uris[1], "two", OVERLAY);
    });
  });

  it("whose change was interrupted wait until it is settled", () => {
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "16M"]);
    linkSync(image, other);
    define(uris[0], "guest", image, "qcow2");
    define(uris[0], "two", other, "qcow2");
    const document = "<domainsnapshot><name>s</name></domainsnapshot>";
    const words = [uris[0], "create", "s", document, "operation-finished", "disks.snapshot"];
    const { signal } = spawnSync(process.execPath, [child, ...words]);
    expect(signal).to.equal("SIGKILL");
    expectRefused(uris[0], "two", [], "waits for an interrupted change of domain 'guest'");
    expect(tryDomsnap(uris[0], ["recover", "guest"]).stdout).to.contain("rolled-back");
    expectTaken(uris[0], "two", []);
  });
});

/** The number of the cp or dd that a process has started, stopped from now on. */
async function stoppedCopyOf(parent: number): Promise<number | undefined> {
  const children = `/proc/${String(parent)}/task/${String(parent)}/children`;
  for (; existsSync(children); await wait(1))
    for (const pid of readFileSync(children, "utf8").split(" ").filter(Boolean).map(Number)) {
      const [program = ""] = argumentsOf(pid);
      if (!/^(cp|dd)$/.test(program)) continue;
      process.kill(pid, "SIGSTOP");
      if (identifyProcess(pid)) return pid;
    }
  return undefined;
}
