import { expect } from "chai";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { openSnapshotService } from "../../src/container.js";
import { runInProcess } from "./run-in-process.js";
import { STUB_DOMAIN } from "./stub-service.js";

/** What somebody who comes from virsh or xl gets wrong first: each error tells the way on. */
describe("first mistakes", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "domsnap-mistakes-"));
    const { name, uuid } = STUB_DOMAIN;
    const definition =
      `<domain type='qemu'><name>${name}</name><uuid>${uuid}</uuid>` +
      "<memory unit='MiB'>64</memory><os><type>hvm</type></os></domain>";
    writeFileSync(join(folder, "vm1.xml"), definition);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const run = (uri: string, ...words: string[]) =>
    runInProcess(["-c", uri, ...words], { openService: openSnapshotService });
  const runHere = (...words: string[]) => run(pathToFileURL(folder).href, ...words);

  for (const [uri, hint] of [
    ["/srv/guests", "Write file:///srv/guests for the folder. Use a URI that begins with file:, "],
    [
      "qemu:///system",
      "Use virsh for guests of libvirt; 'domsnap import qemu:///system --domain DOMAIN' brings ",
    ],
    ["qemu+ssh://host/system", "Use virsh for guests of libvirt; 'domsnap import qemu+ssh:"],
    ["vbox:///session", "Use a URI that begins with file:, "],
    ["file://guests", "Write three slashes and the whole path, as in 'file:///srv/guests'."],
    [
      "qemu+dir://guests",
      "Write three slashes and the whole path, as in 'qemu+dir:///srv/guests'.",
    ],
  ] as const)
    it(`the URI ${uri}`, async () => {
      const { status, stderr } = await run(uri, "list");
      expect(status).to.equal(1);
      expect(stderr).to.include(`\nhint: ${hint}`);
    });

  it("a name that cannot be that of a file", async () => {
    for (const name of ["a/b", ".a"])
      expect((await runHere("snapshot-create-as", "vm1", name)).stderr).to.match(
        /^error: invalid snapshot name .*\nhint: Choose another name: it becomes the name of a file\./,
      );
  });

  it("a name that is taken", async () => {
    const twice = "snapshot-create-as test s1; snapshot-create-as test s1";
    const { status, stderr } = await run("test:///default", twice);
    expect(status).to.equal(1);
    expect(stderr).to.include("\nhint: Choose another name; 'domsnap snapshot-list DOMAIN' tells");
  });
});
