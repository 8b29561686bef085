import { expect } from "chai";
import fc from "fast-check";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { DomainSnapshot } from "../../src/core/model/index.js";
import { formatMetadata } from "../../src/plugins/lib/metadata-document.js";
import { parseDomain } from "../../src/xml/index.js";
import {
  contentOf,
  domainXml,
  fill,
  ImportLab,
  outcomes,
  qemuImg,
  sample,
  UUID,
} from "./support/import-lab.js";
import { LibvirtRoot } from "./support/libvirt-root.js";

const DOMAIN = "vm1";

describe("snapshots of a real libvirt", () => {
  let libvirt: LibvirtRoot;
  let other: LibvirtRoot;
  let lab: ImportLab;
  beforeEach(() => {
    libvirt = new LibvirtRoot();
    other = new LibvirtRoot();
    lab = new ImportLab();
  });
  afterEach(() => {
    libvirt.remove();
    other.remove();
    lab.remove();
  });

  it("come with real images, are reverted to, and go back", async () => {
    const image = (target: string) => join(libvirt.images, `${target}.qcow2`);
    for (const target of ["vda", "vdb"])
      qemuImg("create", "-q", "-f", "qcow2", image(target), "1M");
    libvirt.define(domainXml(libvirt.images, { disks: ["vda", "vdb"] }));
    const contents: Record<string, string> = {};
    const take = (name: string, byte: number, ...options: string[]) => {
      for (const target of ["vda", "vdb"]) fill(image(target), byte);
      contents[name] = contentOf(image("vda"));
      libvirt.giveAway();
      libvirt.virsh(`snapshot-create-as ${DOMAIN} ${name} ${options.join(" ")}`);
    };
    take("first", 1, "--description", "'the <first>'");
    take("second", 2);
    libvirt.virsh(`snapshot-revert ${DOMAIN} first`);
    take("branch", 3);
    const names = ["first", "second", "branch"];
    const before = libvirt.view(DOMAIN, names);
    const [definition = ""] = libvirt.virsh(`dumpxml ${DOMAIN}`);
    await lab.define(definition);

    const result = await lab.import(libvirt.metadata(DOMAIN));
    expect(outcomes(result)).to.deep.equal(Object.fromEntries(names.map((n) => [n, "imported"])));
    expect(await lab.current()).to.equal("branch");
    const again = await lab.import(libvirt.metadata(DOMAIN));
    expect(again.plans).to.deep.equal([]);
    expect(new Set(Object.values(outcomes(again)))).to.deep.equal(new Set(["unchanged"]));

    const service = await lab.service();
    for (const name of ["second", "first", "branch"]) {
      await service.revert(UUID, name, {});
      expect(contentOf(image("vda")), name).to.equal(contents[name]);
      expect(contentOf(image("vdb")), name).to.equal(contents[name]);
    }
    await exportTo("libvirt");
    other.define(definition);
    cpSync(join(lab.folder, "libvirt"), other.metadata(DOMAIN), { recursive: true });
    expect(other.view(DOMAIN, names)).to.deep.equal(before);

    take("over", 4, "--disk-only");
    const [overlaid = ""] = libvirt.virsh(`dumpxml ${DOMAIN}`);
    await lab.define(overlaid);
    expect(outcomes(await lab.import(libvirt.metadata(DOMAIN)))).to.include({ over: "imported" });
    fill(join(libvirt.images, "vda.over"), 5);
    await service.revert(UUID, "over", {});
    const reverted = await service.findDomain(UUID);
    expect(contentOf(reverted.definition.disks[0]?.source?.path ?? "")).to.equal(contents["over"]);
  });

  it("are taken by a libvirt that runs, with the script", async () => {
    const { documents, definition } = await makeTree([undefined, 0, 1, 1, undefined, 3]);
    await lab.define(definition);
    await lab.import(writeSource(documents), { metadataOnly: true });
    await exportTo("redefine");
    other.define(definition);
    cpSync(join(lab.folder, "redefine"), join(other.folder, "redefine"), { recursive: true });
    other.giveAway();
    other.run("sh", join(other.folder, "redefine", "redefine.sh"), "-c", other.uri);
    const current = other.virsh(`snapshot-current ${DOMAIN} --name`);
    expect(current).to.deep.equal(["snap-5"]);
  });

  for (const [size, runs] of [
    [1, 1],
    [50, 2],
    [2000, 1],
  ] as const)
    it(`keep their tree of ${String(size)}, byte for byte`, async function () {
      this.timeout(120_000);
      const shapes = fc.array(fc.nat(), { minLength: size, maxLength: size });
      await fc.assert(
        fc.asyncProperty(shapes, async (numbers) => {
          // 0 is a root; any other number is one of those before.
          const parents = numbers.map((number, index) =>
            index === 0 || number % 10 === 0 ? undefined : number % index,
          );
          await roundTrip(parents);
        }),
        { numRuns: runs },
      );
    });

  /** In and out again through us, then the result and the original through libvirt. */
  async function roundTrip(parents: readonly (number | undefined)[]): Promise<void> {
    lab.remove();
    lab = new ImportLab();
    const { documents, definition, names } = await makeTree(parents);
    await lab.define(definition);
    const source = writeSource(documents);
    const result = await lab.import(source, { metadataOnly: true });
    expect(new Set(Object.values(outcomes(result)))).to.deep.equal(new Set(["imported"]));
    const folder = await exportTo("libvirt");
    expect(readdirSync(folder).sort()).to.deep.equal(readdirSync(source).sort());
    for (const file of readdirSync(source))
      expect(readFileSync(join(folder, file), "utf8")).to.equal(
        readFileSync(join(source, file), "utf8"),
      );
    libvirt.remove();
    other.remove();
    libvirt = new LibvirtRoot();
    other = new LibvirtRoot();
    for (const [root, from] of [
      [libvirt, source],
      [other, folder],
    ] as const) {
      root.define(definition);
      cpSync(from, root.metadata(DOMAIN), { recursive: true });
    }
    const some = names.slice(0, 300);
    const view = other.view(DOMAIN, some);
    expect(view).to.deep.equal(libvirt.view(DOMAIN, some));
    expect(view.current).to.equal(names.at(-1));
    expect(view.tree.match(/snap-\d+/g)).to.have.length(names.length);
  }

  interface Tree {
    readonly documents: readonly (readonly [file: string, text: string])[];
    readonly definition: string;
    readonly names: readonly string[];
  }

  /** Metadata files around a definition that libvirt itself has completed. */
  async function makeTree(parents: readonly (number | undefined)[]): Promise<Tree> {
    libvirt.define(domainXml(libvirt.images));
    const [definition = ""] = libvirt.virsh(`dumpxml ${DOMAIN} --inactive`);
    const domain = parseDomain(definition);
    const documents = parents.map((parent, index) => {
      const snapshot: DomainSnapshot = sample(`snap-${String(index)}`, {
        domain,
        creationTime: 1_700_000_000n + BigInt(index),
        ...(parent !== undefined && { parent: `snap-${String(parent)}` }),
      });
      const text = formatMetadata(snapshot, index === parents.length - 1);
      return [`${snapshot.name}.xml`, text] as const;
    });
    const names = parents.map((_, index) => `snap-${String(index)}`);
    return Promise.resolve({ documents, definition, names });
  }

  function writeSource(documents: Tree["documents"]): string {
    return lab.metadata(Object.fromEntries(documents));
  }

  async function exportTo(format: string): Promise<string> {
    const folder = join(lab.folder, format);
    await (await lab.service()).export(UUID, { format, folder });
    return folder;
  }
});
