import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openSnapshotService } from "../../src/container.js";
import {
  domainXml,
  EDITS,
  MISTAKES,
  NODE_FILE,
  NODE_FILE_LINE,
  READ_ONLY_LINE,
  SEQUENCES,
  snapshotXml,
  SPLIT_BY_A_SHELL,
} from "./virsh-parity-lines.js";
import { runInProcess } from "./run-in-process.js";
import { comparable, runVirsh } from "./run-virsh.js";

/** The same command line to the real virsh and to domsnap; every byte of output is compared. */
describe("the command line beside virsh", () => {
  let folder: string;
  let home: string;
  const zone = process.env["TZ"];

  before(async () => {
    home = process.cwd();
    folder = await mkdtemp(join(tmpdir(), "domsnap-parity-"));
    process.chdir(folder);
    process.env["TZ"] = "America/St_Johns";
    await writeFiles();
  });

  after(async () => {
    process.chdir(home);
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
    await rm(folder, { recursive: true, force: true });
  });

  for (const [title, line] of Object.entries(SEQUENCES))
    it(title, () => assertSame(["-c", "test:///default"], [line]));

  for (const [title, line] of Object.entries(SEQUENCES))
    it(`${title}, quietly`, () => assertSame(["-c", "test:///default", "-q"], [line]));

  for (const line of MISTAKES)
    it(`refuses: ${JSON.stringify(line)}`, () => assertSame(["-c", "test:///default"], [line]));

  for (const words of SPLIT_BY_A_SHELL)
    it(`words: ${words.join(" ")}`, () => assertSame(["-c", "test:///default"], words));

  it("domains of a node file", async () => {
    await assertSame(["-c", `test://${join(folder, "node.xml")}`], [NODE_FILE_LINE]);
  });

  it("a read-only connection", async () => {
    await assertSame(["-r", "-c", "test:///default"], [READ_ONLY_LINE]);
  });

  for (const [title, { name, line }] of Object.entries(EDITS))
    it(`editing: ${title}`, async () => {
      await assertSame(["-c", "test:///default"], [line], {
        VISUAL: join(folder, "editor.sh"),
        NEW_NAME: name,
      });
    });

  async function writeFiles(): Promise<void> {
    await Promise.all([
      writeFile("root1.xml", snapshotXml("root1", { creationTime: 1_700_000_000 })),
      writeFile(
        "b.xml",
        snapshotXml("b", { parent: "root1", creationTime: 1_700_000_100, state: "running" }),
      ),
      writeFile("Cc.xml", snapshotXml("Cc", { parent: "b", creationTime: 1_700_000_200 })),
      writeFile(
        "d.xml",
        snapshotXml("d", { parent: "b", creationTime: 1_720_000_000, state: "paused" }),
      ),
      writeFile(
        "e.xml",
        snapshotXml("e", { parent: "d", creationTime: 1_720_000_001, state: "disk-snapshot" }),
      ),
      writeFile("f.xml", snapshotXml("f", { parent: "root1", creationTime: -5 })),
      writeFile("日本語 é.xml", snapshotXml("日本語 é", { parent: "f", creationTime: 1 })),
      writeFile("a.xml", snapshotXml("a", { creationTime: 1_700_000_300 })),
      writeFile("domain.xml", domainXml("vm2", "111e5b94-c19a-4ea2-953d-9e83505aed9a")),
      writeFile("bad.xml", "<domainsnapshot><name>a</domainsnapshot>"),
      writeFile(
        "latin1.xml",
        Buffer.from("<domainsnapshot><name>\xe9</name></domainsnapshot>", "latin1"),
      ),
      writeFile("empty.xml", ""),
      writeFile("bom.xml", "\ufeff<domainsnapshot><name>bom</name></domainsnapshot>"),
      writeFile("node.xml", NODE_FILE),
      writeFile(
        "editor.sh",
        '#!/bin/sh\nsed -i "s,^  <name>.*</name>,  <name>$NEW_NAME</name>," "$1"\n',
      ).then(() => chmod("editor.sh", 0o700)),
    ]);
  }
});

async function assertSame(
  options: readonly string[],
  words: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const argv = [...options, ...words];
  const expected = await runVirsh(argv, env);
  const actual = await runInProcess(argv, {
    env: { ...process.env, ...env },
    openService: openSnapshotService,
  });
  expect(comparable(actual)).to.equal(comparable(expected));
}
