import "reflect-metadata";

import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { expect } from "chai";
import { Container } from "inversify";

import {
  ConnectionProvider,
  SnapshotDocuments,
  type Connection,
} from "../../../src/core/ports/index.js";
import { storeFileModule } from "../../../src/plugins/store-file/index.js";
import { toolstackFileModule } from "../../../src/plugins/toolstack-file/index.js";
import {
  describeToolstack,
  expectError,
  OTHER_UUID,
  SAMPLE_UUID,
  sampleSnapshot,
  tableRunner,
  TestEvidence,
} from "../../../src/testing/index.js";
import { libvirtDocuments } from "../../../src/xml/index.js";
import { makeFolder } from "../support/state-folder.js";

const GUEST = `<domain type='xen'>
  <name>guest</name>
  <uuid>${SAMPLE_UUID}</uuid>
  <memory unit='KiB'>65536</memory>
  <os>
    <type>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2'/>
      <source file='/images/guest.qcow2'/>
      <target dev='xvda' bus='xen'/>
    </disk>
  </devices>
</domain>
`;

function provider(): ConnectionProvider {
  const container = new Container();
  container.bind(SnapshotDocuments).toConstantValue(libvirtDocuments);
  container.load(storeFileModule, toolstackFileModule);
  return container.get<ConnectionProvider>(ConnectionProvider);
}

const open = (folder: string) => provider().open(pathToFileURL(folder).href);

describeToolstack("toolstack-file", {
  runsDomains: false,
  async open() {
    const { path, dispose } = await makeFolder();
    writeFileSync(join(path, "guest.xml"), GUEST);
    const { toolstack } = await open(path);
    return { toolstack, domain: "guest", dispose };
  },
});

describe("toolstack-file", () => {
  let folder: string;
  let connection: Connection;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ path: folder, dispose } = await makeFolder());
    connection = await open(folder);
  });
  afterEach(() => dispose());

  const plant = (fileName: string, content: string) => {
    writeFileSync(join(folder, fileName), content);
  };
  const namesOf = async () =>
    (await connection.toolstack.listDomains()).map((domain) => domain.name);

  describe("URIs", () => {
    it("may hold any path, with percent signs where needed", async () => {
      const odd = join(folder, "a b%#?ü");
      mkdirSync(odd);
      writeFileSync(join(odd, "guest.xml"), GUEST);
      const { toolstack } = await open(odd);
      expect(await toolstack.listDomains()).to.have.length(1);
    });

    const refused = [
      "file:",
      "file://",
      "file:relative",
      "file://host/x",
      "file:///x?y",
      "file:///x#y",
    ];
    for (const uri of [...refused, "file:///%zz", "file:///%00", "test:///x", "file:///no/such"])
      it(`refuses ${uri}`, async () => {
        await expectError(provider().open(uri), "invalid-argument");
      });

    it("refuses a file in place of the folder", async () => {
      plant("file", "");
      await expectError(open(join(folder, "file")), "invalid-argument", /not a folder/);
    });
  });

  it("keeps the snapshots in a folder beside the definitions", async () => {
    await connection.store.write(SAMPLE_UUID, sampleSnapshot());
    expect(readdirSync(join(folder, "snapshots", SAMPLE_UUID))).to.deep.equal(["sample.xml"]);
    expect(await namesOf()).to.deep.equal([]);
  });

  it("writes definitions privately and whole", async () => {
    await connection.toolstack.registry?.define(GUEST);
    expect(readFileSync(join(folder, "guest.xml"), "utf8")).to.equal(GUEST);
    expect(statSync(join(folder, "guest.xml")).mode & 0o777).to.equal(0o600);
    expect(readdirSync(folder)).to.deep.equal(["guest.xml"]);
  });

  it("sees a domain that is off and has no id", async () => {
    plant("guest.xml", GUEST);
    const domain = await connection.toolstack.findDomain("guest");
    expect(domain).to.include({ state: "shutoff", persistent: true });
    expect(domain).not.to.have.any.keys("id", "inactiveDefinition");
  });

  it("does not put back a definition that somebody has replaced since", async () => {
    const evidence = new TestEvidence();
    const { registry, operations } = connection.toolstack;
    const handler = tableRunner(operations, evidence);
    const find = () => connection.toolstack.findDomain("guest");
    await registry?.define(GUEST);
    const { definition: previous } = await find();
    const changed = GUEST.replace("65536", "1024");
    const operation = {
      kind: "domain.define" as const,
      previous,
      definition: libvirtDocuments.parseDomain(GUEST.replace("guest.qcow2", "overlay.qcow2")),
    };
    const context = {
      domain: previous,
      evidence,
      commit: () => Promise.resolve(),
      signal: new AbortController().signal,
      progress: () => undefined,
      warn: () => undefined,
    };
    await handler.run(operation, context);
    await registry?.define(changed);
    await handler.undo(operation, context);
    expect((await find()).definition.memoryKib).to.equal(1024n);
  });

  describe("definitions that cannot be used", () => {
    const bad: Record<string, string> = {
      "bad.xml": "<domain",
      "empty.xml": "",
      "renamed.xml": GUEST,
      "no-uuid.xml": GUEST.replace(/<uuid>.*<\/uuid>/, "").replace("guest<", "no-uuid<"),
    };
    for (const [fileName, content] of Object.entries(bad))
      it(`hide no other, and tell why when asked for: ${fileName}`, async () => {
        plant("guest.xml", GUEST);
        plant(fileName, content);
        expect(await namesOf()).to.deep.equal(["guest"]);
        expect((await connection.toolstack.findDomain(SAMPLE_UUID)).name).to.equal("guest");
        const name = fileName.replace(".xml", "");
        const asked = await connection.toolstack
          .findDomain(name)
          .catch((thrown: unknown) => thrown);
        expect(asked)
          .to.have.property("code")
          .that.is.oneOf(["xml-detail", "xml-error", "internal-error"]);
      });

    it("are not replaced by define", async () => {
      plant("guest.xml", "<domain");
      await expectError(
        Promise.resolve(connection.toolstack.registry?.define(GUEST)),
        "xml-detail",
      );
      expect(readFileSync(join(folder, "guest.xml"), "utf8")).to.equal("<domain");
    });

    it("hide no other: folders, links, hidden files, leftovers", async () => {
      plant("guest.xml", GUEST);
      mkdirSync(join(folder, "folder.xml"));
      plant(".hidden.xml", GUEST.replace("guest<", ".hidden<"));
      plant("new.xml.new", GUEST);
      symlinkSync("/etc/passwd", join(folder, "link.xml"));
      expect(await namesOf()).to.deep.equal(["guest"]);
      await expectError(connection.toolstack.findDomain("link"), "system-error");
      await expectError(connection.toolstack.findDomain(".hidden"), "no-domain");
    });
  });

  it("does not work on a domain whose uuid another one has as well", async () => {
    plant("guest.xml", GUEST);
    plant("copy.xml", GUEST.replace("guest<", "copy<"));
    for (const reference of ["guest", "copy", SAMPLE_UUID])
      await expectError(
        connection.toolstack.findDomain(reference),
        "operation-failed",
        `domains 'copy' and 'guest' have the same uuid ${SAMPLE_UUID}`,
      );
    expect(await namesOf()).to.deep.equal(["copy", "guest"]);
  });

  it("refuses names that a file cannot have", async () => {
    const { registry } = connection.toolstack;
    for (const name of [".x", "x".repeat(250)]) {
      const xml = GUEST.replace("guest<", `${name}<`);
      await expectError(Promise.resolve(registry?.define(xml)), "xml-error", /^name /);
    }
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it("tells when the folder has gone", async () => {
    await dispose();
    await expectError(connection.toolstack.listDomains(), "system-error", /cannot open directory/);
    await expectError(connection.toolstack.findDomain(OTHER_UUID), "system-error");
  });
});
