import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";

import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { GuestLab } from "./support/guest-lab.js";

const program = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));
const LONGEST_MS = patience(20_000);

/** Whoever opens a FIFO for reading waits until somebody writes to it: here that would be for ever. */
describe("what is no file where one is meant", function () {
  this.timeout(patience(180_000));
  let lab: GuestLab;

  before(ensureBuilt);
  beforeEach(async () => {
    lab = await GuestLab.create();
  });
  afterEach(() => {
    lab.remove();
  });

  const takeOverlay = () => {
    const specs = ["vda,snapshot=external", "vdb,snapshot=no"];
    const words = specs.flatMap((spec) => ["--diskspec", spec]);
    lab.domsnap("snapshot-create-as", "guest", "s", ...words);
  };
  const at = (name: string) => join(lab.folder, name);
  const fifo = (path: string) => {
    rmSync(path, { force: true });
    execFileSync("mkfifo", [path]);
  };

  /** Runs a command that must come to an end by itself. */
  async function runInTime(...args: string[]): Promise<{ status: number | null; text: string }> {
    const child = spawn(process.execPath, [program, "-q", "-c", lab.uri, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: LONGEST_MS,
      killSignal: "SIGKILL",
    });
    let text = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const [status, signal] = (await once(child, "close")) as [number | null, string | null];
    expect(signal, `${args.join(" ")} was waited for`).to.equal(null);
    return { status, text };
  }

  const refuses = async (path: string, ...args: string[]) => {
    const { status, text } = await runInTime(...args);
    expect(status, text).to.equal(1);
    expect(text).to.include(path);
  };

  for (const [what, target, diskspecs] of [
    [
      "a raw image, to be copied",
      "vda",
      ["vda,snapshot=external,driver=raw,file=FOLDER/new", "vdb,snapshot=no"],
    ],
    [
      "a raw image, below an overlay",
      "vda",
      ["vda,snapshot=external,file=FOLDER/new", "vdb,snapshot=no"],
    ],
    ["a qcow2 image, with a snapshot inside", "vdb", ["vda,snapshot=no", "vdb,snapshot=internal"]],
    [
      "a qcow2 image, below an overlay",
      "vdb",
      ["vda,snapshot=no", "vdb,snapshot=external,file=FOLDER/new"],
    ],
  ] as const)
    it(`${what}`, async () => {
      const image = target === "vda" ? lab.raw : lab.qcow2;
      fifo(image);
      const specs = diskspecs.flatMap((spec) => ["--diskspec", spec.replace("FOLDER", lab.folder)]);
      await refuses(image, "snapshot-create-as", "guest", "s", ...specs);
      await refuses(image, "snapshot-create-as", "guest", "s", ...specs, "--dry-run");
      await refuses(image, "check", "guest");
      const { text } = await runInTime("capabilities", "guest");
      expect(text).to.include(`'${image}' is neither a file nor a block device`);
    });

  it("what a snapshot stands on, at a revert, a delete and an export", async () => {
    takeOverlay();
    fifo(lab.raw);
    await refuses(lab.raw, "snapshot-revert", "guest", "s");
    await refuses(lab.raw, "snapshot-delete", "guest", "s");
    await refuses(lab.raw, "export", "guest", "--to", "bundle", "--images", at("bundle"));
    await refuses(lab.raw, "check", "guest");
  });

  it("a socket", async () => {
    rmSync(lab.raw);
    const server = createServer().listen(lab.raw);
    await once(server, "listening");
    try {
      const spec = `vda,snapshot=external,file=${at("new")}`;
      await refuses(
        lab.raw,
        "snapshot-create-as",
        "guest",
        "s",
        "--diskspec",
        spec,
        "--diskspec",
        "vdb,snapshot=no",
      );
    } finally {
      server.close();
    }
  });

  for (const [what, args] of [
    ["a snapshot document", ["snapshot-create", "guest"]],
    ["a definition", ["define"]],
    ["a source of an import", ["import"]],
  ] as const)
    it(what, async () => {
      fifo(at("fifo"));
      await refuses(at("fifo"), ...args, at("fifo"));
      await refuses("/dev/zero", ...args, "/dev/zero");
    });

  it("a document that a shell pipes in is read", () => {
    const document = lab.document("piped", "<disk name='vda' snapshot='no'/>");
    const line = `cat '${document}' | '${process.execPath}' '${program}' -q -c '${lab.uri}' snapshot-create guest /dev/stdin`;
    execFileSync("sh", ["-c", line]);
    expect(lab.domsnap("snapshot-list", "guest", "--name").trim()).to.equal("piped");
  });

  it("a part of a bundle", async () => {
    takeOverlay();
    lab.domsnap("export", "guest", "--to", "bundle", "--images", at("bundle"));
    const parts = (readdirSync(at("bundle"), { recursive: true }) as string[]).filter((name) =>
      /\.(xml|json)$|^images\/\d+-[^.]*\.[^.]*$/.test(name),
    );
    expect(parts.length).to.be.greaterThan(3);
    for (const part of parts) {
      const path = join(at("bundle"), part);
      renameSync(path, at("kept"));
      fifo(path);
      const { status, text } = await runInTime("import", at("bundle"), "--domain", "guest");
      expect(status, `${part}: ${text}`).to.equal(1);
      rmSync(path);
      renameSync(at("kept"), path);
    }
  });

  it("files of the records and the definition", async () => {
    takeOverlay();
    const files = (readdirSync(lab.definitions, { recursive: true }) as string[])
      .map((name) => join(lab.definitions, name))
      .filter((path) => /\.xml$|current$|lock$/.test(path));
    const journal = join(dirname(files.find((path) => path.endsWith("current")) ?? ""), "journal");
    writeFileSync(journal, "");
    for (const path of [...files, journal]) {
      const content = readFileSync(path);
      fifo(path);
      for (const args of [
        ["snapshot-list", "guest"],
        ["snapshot-dumpxml", "guest", "s"],
        ["snapshot-create-as", "guest", "t", "--dry-run"],
        ["check"],
      ])
        await runInTime(...args);
      rmSync(path);
      if (path !== journal) writeFileSync(path, content, { mode: 0o600 });
    }
    mkdirSync(at("out"));
  });
});
