import { expect } from "chai";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { GuestLab, qemuImg } from "../e2e/support/guest-lab.js";
import { whileHeld } from "../support/images/holding-images.js";
import { OutsidePackage } from "./support/outside-package.js";

const SOURCE = fileURLToPath(new URL("./archive", import.meta.url));
const MODULE = "./dist/src/archive-backend.js";
const VAULT = "./dist/src/vault-backend.js";
const SLOW_SECONDS = 2;

/** Of both disks: the raw one is the kernel's, the qcow2 one is QEMU's. */
interface Keepers {
  readonly vda?: string;
  readonly vdb?: string;
}

describe("a backend from outside, with the packed domsnap", function () {
  this.timeout(300_000);
  let outside: OutsidePackage;
  let complaints: string;
  before(() => {
    outside = new OutsidePackage(SOURCE);
    complaints = outside.compile();
  });
  after(() => {
    outside.remove();
  });

  it("is compiled against the types that are packed, as strictly as can be", () => {
    expect(complaints).to.equal("");
  });

  it("keeps the contract, with 25 lines of test", () => {
    const test = readFileSync(join(SOURCE, "test/contract.ts"), "utf8");
    expect(test.trimEnd().split("\n").length).to.be.at.most(25);
    const { stats, failures } = outside.runTests("dist/test/contract.js");
    expect(failures).to.deep.equal([]);
    expect(stats.passes).to.be.greaterThan(25);
  });

  it("keeps the contract where its states are no files", () => {
    const { stats, failures } = outside.runTests("dist/test/vault-contract.js");
    expect(failures).to.deep.equal([]);
    expect(stats.passes).to.be.greaterThan(25);
  });

  it("is loaded with an inversify of its own", () => {
    const own = realpathSync(join(outside.folder, "node_modules/inversify"));
    const other = realpathSync(join(outside.folder, "node_modules/domsnap/node_modules/inversify"));
    expect(own).not.to.equal(other);
    const { stdout } = outside.domsnap(["-q", "--plugin", MODULE, "plugins"]);
    const file = join(outside.folder, MODULE);
    expect(stdout).to.match(/^ disk backend +dd +built-in +whole copies of raw images/);
    expect(stdout).to.match(
      new RegExp(` disk backend +archive +${file} +compressed copies of raw images *\n`),
    );
  });

  describe("keeps the disks of a guest", () => {
    let lab: GuestLab;
    afterEach(() => {
      lab.remove();
    });

    async function open(rawDriver: "qemu" | "file"): Promise<void> {
      lab = await GuestLab.create({ rawDriver });
      await lab.write(1);
    }

    const tryIt = (words: readonly string[], env: NodeJS.ProcessEnv = {}) =>
      outside.domsnap(["-q", "-c", lab.uri, ...words], env);

    function run(...words: string[]): string {
      const { status, stdout, stderr } = tryIt(["--plugin", MODULE, ...words]);
      expect(status, stderr).to.equal(0);
      return stdout;
    }

    const create = (name: string, ...specs: string[]) => [
      ...["snapshot-create-as", "guest", name, "--disk-only"],
      ...specs.flatMap((spec) => ["--diskspec", spec]),
    ];

    async function keepersOf(name: string): Promise<Keepers> {
      const { disks } = await (await lab.service()).get("guest", name);
      return Object.fromEntries(
        disks.flatMap(({ name: disk, backend }) => (backend ? [[disk, backend]] : [])),
      );
    }

    function expectSound(): void {
      const { findings } = JSON.parse(run("check", "guest", "--json")) as { findings?: unknown[] };
      expect(findings ?? []).to.deep.equal([]);
    }

    /** What lies in the folder of the images. */
    const files = () => readdirSync(lab.folder).sort();

    it("where it ranks highest, beside one that QEMU keeps", async () => {
      await open("file");
      const [before, first] = [files(), await lab.contents()];
      run(...create("s1"));
      expect(await keepersOf("s1")).to.deep.equal({ vda: "archive", vdb: "qdisk" });
      const copy = join(lab.folder, "system.s1");
      expect(qemuImg("info", copy)).to.include("file format: qcow2");
      expect((await lab.active()).vda.path, "a copy leaves the image").to.equal(lab.raw);
      expect(run("snapshot-list", "guest", "--name").trim()).to.equal("s1");

      await lab.write(2);
      expect(await lab.contents()).not.to.deep.equal(first);
      expectSound();
      run("snapshot-revert", "guest", "s1");
      expect(await lab.contents()).to.deep.equal(first);

      await lab.write(3);
      const present = await lab.contents();
      run("snapshot-delete", "guest", "s1");
      expect(await lab.contents()).to.deep.equal(present);
      expect(existsSync(copy)).to.equal(false);
      expect(run("snapshot-list", "guest", "--name").trim()).to.equal("");
      expect(files().filter((name) => name.startsWith("system"))).to.deep.equal(
        before.filter((name) => name.startsWith("system")),
      );
      expectSound();
    });

    it("where the user names it, in the command or in the configuration", async () => {
      await open("qemu");
      run(...create("plain"));
      expect((await keepersOf("plain")).vda, "QEMU's own way ranks higher").to.equal("qdisk");
      run("snapshot-delete", "guest", "plain");

      run(...create("named", "vda,backend=archive"));
      expect(await keepersOf("named")).to.deep.equal({ vda: "archive", vdb: "qdisk" });

      const DOMSNAP_CONFIG = join(outside.folder, "config.json");
      const connections = { [lab.uri]: { backend: "archive" } };
      const values = JSON.stringify({ plugins: [MODULE], connections });
      writeFileSync(DOMSNAP_CONFIG, values, { mode: 0o600 });
      const { status, stderr } = tryIt(create("configured"), { DOMSNAP_CONFIG });
      expect(status, stderr).to.equal(0);
      expect(await keepersOf("configured")).to.deep.equal({ vda: "archive", vdb: "qdisk" });
    });

    it("and nobody else touches what it keeps when it is not loaded", async () => {
      await open("file");
      run(...create("s1"));
      const before = await lab.contents();
      for (const command of ["snapshot-revert", "snapshot-delete"]) {
        const { status, stderr } = tryIt([command, "guest", "s1"]);
        expect(status).to.equal(1);
        expect(stderr).to.include("no disk backend named 'archive' is installed");
      }
      expect(await lab.contents()).to.deep.equal(before);
      expect(tryIt(["snapshot-list", "guest", "--name"]).stdout.trim()).to.equal("s1");
    });

    it("and leaves alone what another program has open", async () => {
      await open("file");
      const before = { files: files(), contents: await lab.contents() };
      await whileHeld({ path: lab.raw, format: "raw" }, () => {
        const words = ["--plugin", MODULE, ...create("s1", "vdb,snapshot=no")];
        const { status, stderr } = tryIt(words);
        expect(status).to.equal(1);
        expect(stderr).to.include("is in use by another program").and.include("image-in-use");
        return Promise.resolve();
      });
      expect({ files: files(), contents: await lab.contents() }).to.deep.equal(before);
    });

    describe("in a storage of its own", () => {
      let vault: string;
      const inVault = (...words: string[]) =>
        tryIt(["--plugin", VAULT, ...words], { VAULT_FOLDER: vault });
      const succeed = (...words: string[]): string => {
        const { status, stdout, stderr } = inVault(...words);
        expect(status, stderr).to.equal(0);
        return stdout;
      };
      const kept = () => readdirSync(vault).sort();
      const expectSoundVault = () => {
        const { findings } = JSON.parse(succeed("check", "guest", "--json")) as {
          findings?: unknown[];
        };
        expect(findings ?? []).to.deep.equal([]);
      };

      beforeEach(async () => {
        await open("qemu");
        vault = join(lab.folder, "vault");
        mkdirSync(vault);
      });

      it("names, finds, reverts to and deletes them by that storage alone", async () => {
        const first = await lab.contents();
        succeed(...create("s 1: ü", "vda,backend=vault"));
        succeed(...create("s2", "vda,backend=vault"));
        const xml = succeed("snapshot-dumpxml", "guest", "s2");
        expect(xml).to.match(/<disk name='vda' snapshot='external' type='block'>/);
        expect(xml).to.match(/<source dev='\/vault\/s2-[0-9a-f]{20}'\/>/);
        expect(kept()).to.have.length(2);
        await lab.write(2);
        expectSoundVault();
        succeed("snapshot-revert", "guest", "s2");
        expect(await lab.contents()).to.deep.equal(first);
        expectSoundVault();
        await lab.write(3);
        const present = await lab.contents();
        succeed("snapshot-delete", "guest", "s2");
        succeed("snapshot-delete", "guest", "s 1: ü");
        expect(kept()).to.deep.equal([]);
        expect(await lab.contents()).to.deep.equal(present);
      });

      it("refuses a name that is taken there, and sees a state that is gone", () => {
        succeed(...create("s1", "vda,backend=vault"));
        const [name = ""] = kept();
        const spec = `vda,backend=vault,stype=block,file=/vault/${name}`;
        const { status, stderr } = inVault(...create("s2", spec));
        expect(status).to.equal(1);
        expect(stderr).to.include(`already exists: /vault/${name}`);
        unlinkSync(join(vault, name));
        expect(inVault("check", "guest").stdout).to.include(`/vault/${name}`);
        const revert = inVault("snapshot-revert", "guest", "s1");
        expect(revert.status).to.equal(1);
        expect(revert.stderr).to.include(`/vault/${name}`);
      });
    });

    for (const above of ["dd", "qdisk"])
      it(`in a tree with one of ${above} above, in any order of deletion`, async () => {
        await open("qemu");
        const states = [await lab.contents()];
        run(...create("s1", "vda,backend=archive"));
        await lab.write(2);
        states.push(await lab.contents());
        run(...create("s2", `vda,backend=${above}`));
        expect((await keepersOf("s2")).vda).to.equal(above);
        await lab.write(3);
        run(...create("s3", above === "dd" ? "vda,backend=archive" : "vda"));
        await lab.write(4);
        expectSound();
        const present = await lab.contents();
        if (above === "qdisk") {
          const { status, stderr } = tryIt(["--plugin", MODULE, "snapshot-revert", "guest", "s1"]);
          expect(status).to.equal(1);
          expect(stderr).to.include("system.s2");
          expect(await lab.contents()).to.deep.equal(present);
        }

        run("snapshot-delete", "guest", "s2");
        expect(await lab.contents()).to.deep.equal(present);
        expectSound();
        run("snapshot-delete", "guest", "s3");
        expect(await lab.contents()).to.deep.equal(present);
        run("snapshot-revert", "guest", "s1");
        expect(await lab.contents()).to.deep.equal(states[0]);
        run("snapshot-delete", "guest", "s1");
        expect(await lab.contents()).to.deep.equal(states[0]);
        expectSound();
      });

    it("and its programs keep the lock of the domain when domsnap is killed", async () => {
      await open("file");
      const before = { files: files(), contents: await lab.contents() };
      const [tools, begun] = [join(lab.folder, "tools"), join(lab.folder, "begun")];
      mkdirSync(tools);
      const slow = `#!/bin/sh\ncase "$1" in convert) touch ${begun}; sleep ${SLOW_SECONDS};; esac\nexec /usr/bin/qemu-img "$@"\n`;
      writeFileSync(join(tools, "qemu-img"), slow, { mode: 0o755 });
      const words = ["-q", "--plugin", MODULE, "-c", lab.uri, ...create("s1", "vdb,snapshot=no")];
      const child = outside.start(words, { PATH: `${tools}:${process.env["PATH"] ?? ""}` });
      while (!existsSync(begun)) await sleep(10);
      child.kill("SIGKILL");
      await once(child, "exit");

      const service = await lab.service();
      const [held] = await service.locks();
      expect(held?.holder?.description).to.match(/^process \d+ on /);
      expect(held?.operation).to.include({ verb: "create", snapshot: "s1", next: "rolled-back" });
      const [tooEarly] = await service.recover("guest", { lockTimeoutMs: 0 });
      expect(tooEarly?.error?.code).to.equal("locked");

      expect(run("recover", "guest")).to.include("rolled-back");
      expect(await service.locks()).to.deep.equal([]);
      expect(await lab.contents()).to.deep.equal(before.contents);
      const ours = new Set(["tools", "begun"]);
      expect(files().filter((name) => !ours.has(name))).to.deep.equal(before.files);
    });
  });
});
