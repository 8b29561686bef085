import { expect } from "chai";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import type { DomsnapError } from "../../src/core/errors/index.js";
import type { ProgressEvent } from "../../src/core/execute/progress-event.js";
import { isTemporaryName, temporaryName } from "../../src/core/model/index.js";
import { formatReceipt, parseReceipt } from "../../src/plugins/bundle/receipt.js";
import { expectError } from "../../src/testing/expect-error.js";
import { resealed } from "../plugins/bundle/support/reseal.js";
import {
  contentOf,
  domainXml,
  fill,
  ImportLab,
  outcomes,
  qemuImg,
  UUID,
} from "./support/import-lab.js";

const CREATE = (name: string, disks = "") =>
  `<domainsnapshot><name>${name}</name><disks>${disks}</disks></domainsnapshot>`;

describe("bundles", () => {
  let here: ImportLab;
  let there: ImportLab;
  let contents: Record<string, string>;
  beforeEach(async () => {
    here = new ImportLab();
    there = new ImportLab();
    contents = {};
    const image = join(here.folder, "vda.qcow2");
    qemuImg("create", "-q", "-f", "qcow2", image, "1M");
    await here.define(domainXml(here.folder));
    const service = await here.service();
    fill(image, 1);
    contents["inside"] = contentOf(image);
    await service.create(UUID, CREATE("inside", "<disk name='vda' snapshot='internal'/>"), {});
    fill(image, 2);
    contents["outside"] = contentOf(image);
    await service.create(UUID, CREATE("outside", "<disk name='vda' snapshot='external'/>"), {});
    fill(join(here.folder, "vda.outside"), 3);
    contents["now"] = contentOf(join(here.folder, "vda.outside"));
  });
  afterEach(() => {
    here.remove();
    there.remove();
  });

  const bundle = () => join(here.folder, "bundle");
  const moved = () => join(there.folder, "bundle");

  async function exportBundle(): Promise<void> {
    await (await here.service()).export(UUID, { format: "bundle", folder: bundle(), images: true });
  }

  it("move a domain with its tree, its images and its present state", async () => {
    await exportBundle();
    cpSync(bundle(), moved(), { recursive: true });
    for (const file of ["vda.qcow2", "vda.outside"]) rmSync(join(here.folder, file));
    const result = await there.import(moved(), { define: true });
    expect(outcomes(result)).to.deep.equal({ inside: "adapted", outside: "adapted" });
    expect(await there.tree()).to.deep.equal({ inside: undefined, outside: "inside" });
    expect(await there.current()).to.equal("outside");
    const service = await there.service();
    const present = async () =>
      contentOf((await service.findDomain(UUID)).definition.disks[0]?.source?.path ?? "");
    expect(await present()).to.equal(contents["now"]);
    await service.revert(UUID, "outside", {});
    expect(await present()).to.equal(contents["outside"]);
  });

  it("tell how far each image got, and let only their owner read the copies", async () => {
    chmodSync(join(here.folder, "vda.qcow2"), 0o644);
    const told: string[] = [];
    await (
      await here.service()
    ).export(
      UUID,
      { format: "bundle", folder: bundle(), images: true },
      {
        onProgress: (event) => {
          if (event.type !== "export-progress") return;
          const { index, total, step, subject, bytesDone, bytesTotal } = event;
          if (bytesDone === bytesTotal)
            told.push([`${String(index + 1)}/${String(total)}`, step, subject].join(" "));
        },
      },
    );
    const files = ["vda.outside", "vda.qcow2"];
    expect([...new Set(told)].map((line) => line.slice(4)).sort()).to.deep.equal(
      ["checksum", "copy"].flatMap((step) => files.map((file) => `${step} ${file}`)),
    );
    expect(new Set(told.map((line) => line.slice(0, 3)))).to.deep.equal(new Set(["1/2", "2/2"]));
    for (const name of imageNames())
      expect(statSync(join(bundle(), "images", name)).mode & 0o777, name).to.equal(0o600);
  });

  it("hold no file of the host that a header or a document has named, unless its folder is named", async () => {
    const elsewhere = join(there.folder, "secret");
    writeFileSync(elsewhere, Buffer.alloc(1024 * 1024, 7));
    const image = join(here.folder, "vda.qcow2");
    const base = join(here.folder, "base.qcow2");
    const service = await here.service();
    const refused = async (options = {}) => {
      const request = { format: "bundle", folder: bundle(), images: true };
      const error = await expectError(service.export(UUID, request, options), "path-untrusted");
      expect(error.message).to.include(`'${elsewhere}' would be exported`);
      expect(existsSync(bundle())).to.equal(false);
    };
    // By the header of an image below.
    renameSync(image, base);
    qemuImg("create", "-q", "-f", "qcow2", "-F", "raw", "-b", elsewhere, image);
    await refused();
    await refused({ dryRun: true });
    await service.export(
      UUID,
      { format: "bundle", folder: bundle(), images: true },
      { trustFolders: [there.folder] },
    );
    expect(imageNames().some((name) => name.endsWith("-secret"))).to.equal(true);
    rmSync(bundle(), { recursive: true });
    renameSync(base, image);
    // By a document.
    const document = CREATE(
      "told",
      `<disk name='vda' snapshot='external'><driver type='raw'/><source file='${elsewhere}'/></disk>`,
    )
      .replace("</name>", "</name><state>shutoff</state><creationTime>1</creationTime>")
      .replace("</domainsnapshot>", `${domainXml(here.folder)}</domainsnapshot>`);
    await service.create(UUID, document, { redefine: true });
    await refused();
    await service.export(UUID, { format: "bundle", folder: bundle() });
  });

  it("go on where an export was interrupted", async () => {
    await exportBundle();
    const [name = ""] = imageNames();
    const copy = join(bundle(), "images", name);
    const { ino } = statSync(copy);
    rmSync(join(bundle(), "manifest.json"));
    await exportBundle();
    expect(statSync(copy).ino).to.equal(ino);
  });

  it("that another version has written stay as they are when they are exported again", async () => {
    await exportBundle();
    const path = join(bundle(), "manifest.json");
    const other = resealed(
      readFileSync(path, "utf8"),
      (json) => (json["writer"] = "domsnap 0.0.9"),
    );
    writeFileSync(path, other);
    await exportBundle();
    expect(readFileSync(path, "utf8")).to.equal(other);
  });

  it("do not replace an image whose receipt is damaged", async () => {
    await exportBundle();
    const [name = ""] = imageNames();
    const copy = join(bundle(), "images", name);
    const { ino } = statSync(copy);
    rmSync(join(bundle(), "manifest.json"));
    const receipt = readFileSync(`${copy}.copied`);
    writeFileSync(`${copy}.copied`, receipt.fill(0xff, 40, 41));
    const error = await expectError(exportBundle(), "image-conflict", /nobody knows whose/);
    expect(error.hint).to.contain(`Remove '${copy}.copied' and '${copy}'`);
    expect(statSync(copy).ino).to.equal(ino);
    rmSync(`${copy}.copied`);
    rmSync(copy);
    await exportBundle();
    expect(existsSync(join(bundle(), "manifest.json"))).to.equal(true);
  });

  describe("that are not whole", () => {
    const copyOf = (image: string) =>
      join(bundle(), "images", imageNames().find((name) => name.endsWith(image)) ?? "");
    const [MINE, THEIRS] = ["mine", "somebody's"];
    const keeps = async (path: string, work: () => Promise<unknown>) => {
      writeFileSync(path, THEIRS);
      const { ino } = statSync(path);
      await work();
      expect(readFileSync(path, "utf8"), path).to.equal(THEIRS);
      expect(statSync(path).ino, path).to.equal(ino);
    };

    it("replace nothing that no receipt tells of, be it as large as the copy", async () => {
      await exportBundle();
      const copy = copyOf("vda.outside");
      rmSync(join(bundle(), "manifest.json"));
      const { size } = statSync(copy);
      for (const lengthBytes of [MINE.length, size]) {
        rmSync(copy);
        writeFileSync(copy, Buffer.alloc(lengthBytes, MINE));
        const { ino } = statSync(copy);
        const error = await expectError(exportBundle(), "image-conflict", /no export has made it/);
        expect(error.message).to.contain(copy);
        expect(statSync(copy)).to.include({ ino, size: lengthBytes });
        expect(existsSync(join(bundle(), "manifest.json"))).to.equal(false);
      }
    });

    it("do not touch a stranger's receipt", async () => {
      await exportBundle();
      const receipt = `${copyOf("vda.outside")}.copied`;
      rmSync(bundle(), { recursive: true });
      mkdirSync(dirname(receipt), { recursive: true });
      await keeps(receipt, () => expectError(exportBundle(), "image-conflict"));
    });

    it("leave everything that has a name like those of unfinished files", async () => {
      await exportBundle();
      const copy = copyOf("vda.outside");
      const strangers = [
        `${copy}.partial`,
        `${copy}.domsnap-partial-0123456789ab`,
        `${copy}.copied.new`,
        `${copy}.copied.domsnap-tmp-0123456789ab`,
        join(bundle(), "manifest.json.new"),
        join(bundle(), "manifest.json.domsnap-tmp-0123456789ab"),
      ];
      for (const name of ["manifest.json", "domain.xml"]) rmSync(join(bundle(), name));
      rmSync(`${copy}.copied`);
      rmSync(copy);
      for (const path of strangers) writeFileSync(path, THEIRS);
      await exportBundle();
      for (const path of strangers) expect(readFileSync(path, "utf8"), path).to.equal(THEIRS);
    });

    it("do not replace what takes the name of a copy while it is made", async () => {
      await exportBundle();
      const copy = copyOf("vda.outside");
      rmSync(bundle(), { recursive: true });
      let taken = false;
      const onProgress = ({ type }: ProgressEvent) => {
        if (type !== "export-progress" || taken) return;
        taken = true;
        writeFileSync(copy, THEIRS);
      };
      const service = await here.service();
      const request = { format: "bundle", folder: bundle(), images: true };
      const failed = service.export(UUID, request, { onProgress });
      await expectError(failed, "system-error", /File exists/);
      expect(readFileSync(copy, "utf8")).to.equal(THEIRS);
      expect(readdirSync(join(bundle(), "images")).filter(isTemporaryName)).to.deep.equal([]);
      rmSync(copy);
      await exportBundle();
      expect(existsSync(join(bundle(), "manifest.json"))).to.equal(true);
    });

    it("give a copy its name that was complete when the export died, and remove others", async () => {
      await exportBundle();
      const copy = copyOf("vda.outside");
      const receipt = parseReceipt(readFileSync(`${copy}.copied`, "utf8"));
      if (!receipt) throw new Error("there is no receipt");
      const partial = temporaryName(copy, "partial", receipt.token);
      rmSync(join(bundle(), "manifest.json"));
      renameSync(copy, partial);
      const { ino } = statSync(partial);
      await exportBundle();
      expect(statSync(copy).ino).to.equal(ino);

      rmSync(join(bundle(), "manifest.json"));
      renameSync(copy, partial);
      const { copied: _all, ...begun } = receipt;
      writeFileSync(`${copy}.copied`, formatReceipt(begun));
      const empty = temporaryName(copy, "partial", "00112233aabb");
      writeFileSync(empty, "");
      await exportBundle();
      expect(existsSync(partial)).to.equal(false);
      expect(existsSync(empty)).to.equal(false);
      expect(parseReceipt(readFileSync(`${copy}.copied`, "utf8"))?.token).not.to.equal(
        receipt.token,
      );
    });
  });

  it("are exported again when an image has changed since", async () => {
    await exportBundle();
    const [name = ""] = imageNames().filter((file) => file.endsWith("outside"));
    const receiptOf = () => readFileSync(join(bundle(), "images", `${name}.copied`), "utf8");
    const before = parseReceipt(receiptOf())?.identity;
    fill(join(here.folder, "vda.outside"), 9);
    rmSync(join(bundle(), "manifest.json"));
    await exportBundle();
    expect(parseReceipt(receiptOf())?.identity).to.match(/\d/).and.not.to.equal(before);
  });

  it("are refused when an image, a document or the manifest is not what was exported", async () => {
    await exportBundle();
    const codeOf = async () => {
      const error = await there
        .import(bundle(), { define: true })
        .catch((thrown: unknown) => thrown);
      return (error as DomsnapError).code;
    };
    const [image = ""] = imageNames();
    const path = join(bundle(), "images", image);
    const whole = readFileSync(path);
    truncateSync(path, whole.length - 1);
    expect(await codeOf()).to.equal("image-conflict");
    writeFileSync(path, whole);

    const manifest = readFileSync(join(bundle(), "manifest.json"), "utf8");
    for (const file of ["../../etc/passwd", "/etc/passwd", "images/../../x"]) {
      const evil = manifest.replace(`images/${image}`, file);
      expect(evil).not.to.equal(manifest);
      writeFileSync(join(bundle(), "manifest.json"), evil);
      expect(await codeOf(), file).to.equal("image-conflict");
      const nothing = () => undefined;
      writeFileSync(join(bundle(), "manifest.json"), resealed(evil, nothing));
      expect(await codeOf(), file).to.equal("invalid-argument");
    }
    writeFileSync(join(bundle(), "manifest.json"), manifest);

    const document = join(bundle(), "snapshots", "0002.xml");
    writeFileSync(document, readFileSync(document, "utf8").replace("outside", "0utside"));
    const result = await there.import(bundle(), { define: true });
    expect(outcomes(result)).to.deep.equal({ inside: "adapted", [document]: "skipped" });
  });

  it("are not made without an image that another one stands on", async () => {
    const overlay = join(here.folder, "vda.outside");
    qemuImg("rebase", "-u", "-f", "qcow2", "-F", "raw", "-b", "nbd://host/disk", overlay);
    const error = await expectError(exportBundle(), "disk-unsupported");
    expect(error.message).to.include(overlay).and.include("nbd://host/disk");
    expect(existsSync(join(bundle(), "manifest.json"))).to.equal(false);
  });

  it("without images name them where they are", async () => {
    await (await here.service()).export(UUID, { format: "bundle", folder: bundle() });
    const result = await there.import(bundle(), { define: true });
    expect(outcomes(result)).to.deep.equal({ inside: "imported", outside: "imported" });
  });

  it("are not made over other files", async () => {
    const folder = here.metadata({ "domain.xml": "something else" }, "taken");
    const error = await (
      await here.service()
    )
      .export(UUID, { format: "bundle", folder })
      .catch((thrown: unknown) => thrown);
    expect((error as DomsnapError).code).to.equal("image-conflict");
    expect(readFileSync(join(folder, "domain.xml"), "utf8")).to.equal("something else");
  });

  function imageNames(): string[] {
    const manifest = JSON.parse(readFileSync(join(bundle(), "manifest.json"), "utf8")) as {
      images: { file: string }[];
    };
    return manifest.images.map(({ file }) => file.replace("images/", ""));
  }
});
