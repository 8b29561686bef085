import { expect } from "chai";
import { Container } from "inversify";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createContainer, openSnapshotService } from "../../src/index.js";
import { ConnectionProvider, ExportFormat, ImportSource } from "../../src/plugin.js";
import {
  describeExportFormat,
  describeImportSource,
  describeToolstack,
  sampleSnapshot,
} from "../../src/testing/index.js";
import { formatSnapshot } from "../../src/xml/index.js";
import { inventoryModule } from "./inventory-toolstack.js";
import { jsonModule } from "./json-exchange.js";

/** A domain with one raw disk and without QEMU, so that the dd backend takes it. */
function domainXml(image: string): string {
  return `<domain type='xen'>
  <name>web</name>
  <uuid>7f1c4c8e-52a1-4a3b-9f0e-4d6d2f3b8c10</uuid>
  <memory unit='KiB'>65536</memory>
  <os>
    <type>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='file' type='raw'/>
      <source file='${image}'/>
      <target dev='xvda' bus='xen'/>
    </disk>
  </devices>
</domain>`;
}

const DOCUMENT = `<domainsnapshot>
  <name>s1</name>
  <disks>
    <disk name='xvda' snapshot='external'/>
  </disks>
</domainsnapshot>`;

async function makeInventory() {
  const folder = await mkdtemp(join(tmpdir(), "domsnap-guide-"));
  const image = join(folder, "web.raw");
  const file = join(folder, "inventory.json");
  await writeFile(image, "first state");
  await writeFile(file, JSON.stringify({ web: domainXml(image) }));
  const uri = pathToFileURL(file).href.replace(/^file:/, "inventory:");
  return { image, uri, remove: () => rm(folder, { recursive: true }) };
}

describe("plugin guide", () => {
  it("adds a toolstack that takes snapshots", async () => {
    const { image, uri, remove } = await makeInventory();
    try {
      const service = await openSnapshotService(uri, createContainer([inventoryModule]));
      await service.create("web", DOCUMENT, {});
      await writeFile(image, "later state");
      await service.revert("web", "s1", {});
      expect(await readFile(image, "utf8")).to.equal("first state");
      expect((await service.list("web")).heads.map(({ name }) => name)).to.deep.equal(["s1"]);
      await service.close();
    } finally {
      await remove();
    }
  });
});

describeToolstack("inventory of the plugin guide", {
  runsDomains: false,
  async open() {
    const { uri, remove } = await makeInventory();
    const providers = createContainer([inventoryModule]).getAll<ConnectionProvider>(
      ConnectionProvider,
    );
    const provider = providers.find(({ schemes }) => schemes.includes("inventory"));
    if (!provider) throw new Error("the module binds no provider");
    const { toolstack } = await provider.open(uri);
    return { toolstack, domain: "web", dispose: remove };
  },
});

const exchange = new Container();
exchange.load(jsonModule);

describeExportFormat("json of the plugin guide", () => exchange.get<ExportFormat>(ExportFormat));

describeImportSource("json of the plugin guide", {
  async open(folder) {
    const [named, damaged] = [join(folder, "snapshots.json"), join(folder, "bad/snapshots.json")];
    const documents = Object.fromEntries(
      ["a", "b"].map((name) => [name, formatSnapshot(sampleSnapshot({ name }))]),
    );
    await mkdir(join(folder, "bad"));
    await writeFile(named, JSON.stringify({ current: "b", documents }));
    await writeFile(damaged, JSON.stringify({ documents: { ...documents, c: "<" } }));
    const source = exchange.get<ImportSource>(ImportSource);
    return { source, named, damaged, gone: join(folder, "gone"), snapshots: ["a", "b"] };
  },
});
