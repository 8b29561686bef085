import { expect } from "chai";
import { chmodSync, mkdirSync, openSync, closeSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

import type { DomsnapError } from "../../src/core/errors/index.js";
import { parseDomain } from "../../src/xml/index.js";
import {
  detailsOf,
  domainXml,
  ImportLab,
  metadata,
  outcomes,
  qemuImg,
  UUID,
} from "./support/import-lab.js";

/** What a real qemu-img cannot be made to do at will. */
const FAILURES: readonly (readonly [title: string, shell: string, words: RegExp])[] = [
  ["is killed", "kill -9 $$", /ended by signal SIGKILL/],
  [
    "cannot read the medium",
    `echo "qemu-img: Could not open '$image': Could not read L1 table: Input/output error" >&2; exit 1`,
    /Input\/output error/,
  ],
  ["gets no memory", "echo 'qemu-img: Cannot allocate memory' >&2; exit 1", /allocate memory/],
  ["answers something else", "echo '{}'; exit 0", /cannot be understood/],
];

/** Where the header of a qcow2 image tells how large its table of clusters is. */
const QCOW2_L1_SIZE_AT = 36;

describe("an import whose tools fail", () => {
  let lab: ImportLab;
  let source: string;
  const { PATH } = process.env;
  beforeEach(() => {
    lab = new ImportLab();
    const file = (name: string) => join(lab.folder, name);
    qemuImg("create", "-q", "-f", "qcow2", file("vda.qcow2"), "1M");
    for (const [below, over] of [
      ["vda.qcow2", "vda.a"],
      ["vda.a", "vda.b"],
    ] as const)
      qemuImg("create", "-q", "-f", "qcow2", "-b", file(below), "-F", "qcow2", file(over));
    const snapshot = (name: string, below: string, parent?: string) =>
      metadata(name, {
        domain: parseDomain(domainXml(lab.folder).replace("vda.qcow2", below)),
        disks: [
          {
            name: "vda",
            mode: "external",
            type: "file",
            format: "qcow2",
            source: { path: file(`vda.${name}`) },
          },
        ],
        ...(parent !== undefined && { parent }),
      });
    source = lab.metadata({
      "a.xml": snapshot("a", "vda.qcow2"),
      "b.xml": snapshot("b", "vda.a", "a"),
    });
  });
  afterEach(() => {
    process.env["PATH"] = PATH;
    lab.remove();
  });

  /** A qemu-img that fails for one image. */
  function breakQemuImg(name: string, shell: string): void {
    const folder = join(lab.folder, "bin");
    mkdirSync(folder, { recursive: true });
    const program = join(folder, "qemu-img");
    const image = join(lab.folder, name);
    const script = `#!/bin/sh\nimage='${image}'\ncase "$*" in *"$image") ${shell};; esac\nPATH='${String(PATH)}'\nexec qemu-img "$@"\n`;
    writeFileSync(program, script);
    chmodSync(program, 0o755);
    process.env["PATH"] = `${folder}:${String(PATH)}`;
  }

  async function failureOf(work: Promise<unknown>): Promise<DomsnapError> {
    return (await work.then(
      () => expect.fail("it succeeded"),
      (thrown: unknown) => thrown,
    )) as DomsnapError;
  }

  for (const [title, shell, words] of FAILURES)
    it(`records nothing when qemu-img ${title}, and everything the next time`, async () => {
      breakQemuImg("vda.a", shell);
      const error = await failureOf(lab.import(source, { define: true }));
      expect(error.code).to.equal("tool-failed");
      expect(error.message).to.match(words);
      expect(error.hint).to.include(": nothing was recorded.");
      expect(await (await lab.service()).listDomains()).to.deep.equal([]);

      process.env["PATH"] = PATH;
      const result = await lab.import(source, { define: true });
      expect(outcomes(result)).to.deep.equal({ a: "imported", b: "imported" });
      expect(await lab.tree()).to.deep.equal({ a: undefined, b: "a" });
    });

  it("does not take a disk that could not be looked at for one without the snapshot", async () => {
    await lab.define(domainXml(lab.folder, { disks: ["vda", "vdb"] }));
    qemuImg("create", "-q", "-f", "qcow2", join(lab.folder, "vdb.qcow2"), "1M");
    for (const name of ["vda.qcow2", "vdb.qcow2"])
      qemuImg("snapshot", "-c", "both", join(lab.folder, name));
    breakQemuImg("vdb.qcow2", "kill -9 $$");
    const error = await failureOf(lab.import("images", { domain: UUID }));
    expect(error.code).to.equal("tool-failed");
    expect(await lab.tree()).to.deep.equal({});
  });

  it("leaves out a snapshot whose image is damaged, and only that", async () => {
    const descriptor = openSync(join(lab.folder, "vda.b"), "r+");
    writeSync(descriptor, Buffer.alloc(4, 0x7f), 0, 4, QCOW2_L1_SIZE_AT);
    closeSync(descriptor);
    const result = await lab.import(source, { define: true });
    expect(outcomes(result)).to.deep.equal({ a: "imported", b: "skipped" });
    expect(detailsOf(result, "b")).to.include("L1 table too large");
  });

  it("leaves out a snapshot whose path cannot be that of a file, and only that", async () => {
    const disks = [
      {
        name: "vda",
        mode: "external",
        type: "file",
        format: "qcow2",
        source: { path: `/${"x".repeat(300)}` },
      },
    ] as const;
    const memory = { mode: "external", file: join(lab.folder, "vda.qcow2", "memory") } as const;
    const domain = parseDomain(domainXml(lab.folder));
    writeFileSync(join(source, "long.xml"), metadata("long", { domain, disks }));
    const saved = metadata("saved", { domain, disks: [], memory, state: "running" });
    writeFileSync(join(source, "saved.xml"), saved);
    const result = await lab.import(source, { define: true });
    expect(outcomes(result)).to.deep.equal({
      a: "imported",
      b: "imported",
      long: "skipped",
      saved: "skipped",
    });
    expect(detailsOf(result, "long")).to.include("File name too long");
    expect(detailsOf(result, "saved")).to.include("is not there");
  });
});
