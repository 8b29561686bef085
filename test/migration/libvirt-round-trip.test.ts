import { expect } from "chai";
import fc from "fast-check";
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { patience } from "../../scripts/test-run/patience.cjs";
import type { DomainDefinition, DomainSnapshot } from "../../src/core/model/index.js";
import { formatMetadata } from "../../src/xml/libvirt-metadata.js";
import { parseDomain } from "../../src/xml/index.js";
import { domainXml, ImportLab, outcomes, sample, UUID } from "./support/import-lab.js";
import { LibvirtRoot } from "./support/libvirt-root.js";

const DOMAIN = "vm1";

/** A snapshot of each kind that libvirt's QEMU driver keeps records of, all with images elsewhere. */
const KINDS: readonly ((name: string, domain: DomainDefinition) => DomainSnapshot)[] = [
  (name, domain) => sample(name, { domain }),
  (name, domain) => sample(name, { domain: onOverlay(domain, name), ...external(name) }),
  (name, domain) =>
    sample(name, {
      domain: onOverlay(domain, name),
      ...external(name),
      state: "disk-snapshot",
      description: "disks <only>, of a guest that ran",
    }),
  (name, domain) =>
    sample(name, {
      domain: onOverlay(domain, name),
      inactiveDomain: domain,
      ...external(name),
      state: "running",
      memory: { mode: "external", file: `/nowhere/memory of '${name}'` },
      cookie: "<cookie>\n  <slirpHelper/>\n</cookie>",
    }),
  (name, domain) =>
    sample(name, { domain, inactiveDomain: domain, state: "paused", memory: { mode: "internal" } }),
];

/** As the disks stand after another external snapshot. */
function onOverlay(domain: DomainDefinition, name: string): DomainDefinition {
  return parseDomain(domain.xml.replaceAll(".qcow2'", `.before-${name}'`));
}

function kindOf(index: number): (typeof KINDS)[number] {
  const kind = KINDS[index];
  if (!kind) throw new RangeError(`no kind ${String(index)}`);
  return kind;
}

function external(name: string): Pick<DomainSnapshot, "disks"> {
  const source = { path: `/nowhere/vda.${name}` };
  return { disks: [{ name: "vda", mode: "external", type: "file", format: "qcow2", source }] };
}

describe("trees of libvirt's QEMU driver", function () {
  this.timeout(patience(300_000));
  let roots: LibvirtRoot[];
  let lab: ImportLab;
  beforeEach(() => {
    roots = [];
    lab = new ImportLab();
  });
  afterEach(() => {
    for (const root of roots) root.remove();
    lab.remove();
  });

  for (const [size, runs] of [
    [1, 2],
    [50, 2],
    [2000, 1],
  ] as const)
    it(`come back byte for byte, with ${String(size)} snapshots`, async () => {
      await fc.assert(
        fc.asyncProperty(shapeOf(size), async (shape) => {
          const tree = makeTree(shape);
          await roundTrip(tree, lab.metadata(tree.files, "made"));
        }),
        { numRuns: runs },
      );
    });

  it("come back byte for byte as libvirt has written them", async () => {
    await fc.assert(
      fc.asyncProperty(shapeOf(20), async (shape) => {
        const tree = makeTree(shape);
        const libvirt = newRoot(tree);
        for (const [file, text] of Object.entries(tree.files)) libvirt.write(file, text);
        libvirt.virsh(...tree.names.map((name) => redefine(`${name}.xml`, name, tree)));
        await roundTrip(tree, libvirt.metadata(DOMAIN));
      }),
      { numRuns: 2 },
    );
  });

  it("are taken by a libvirt that runs, with the script", async () => {
    await fc.assert(
      fc.asyncProperty(shapeOf(20), async (shape) => {
        const tree = makeTree(shape);
        const folder = await throughUs(tree, lab.metadata(tree.files, "made"), "redefine");
        const [from, to] = [newRoot(tree), newRoot(tree)];
        cpSync(join(lab.folder, "made"), from.metadata(DOMAIN), { recursive: true });
        cpSync(folder, join(to.folder, "redefine"), { recursive: true });
        to.giveAway();
        to.run("sh", join(to.folder, "redefine", "redefine.sh"), "-c", to.uri);
        expect(to.view(DOMAIN, tree.names)).to.deep.equal(from.view(DOMAIN, tree.names));
      }),
      { numRuns: 2 },
    );
  });

  interface Tree {
    /** Metadata files around a definition that libvirt itself has completed. */
    readonly files: Readonly<Record<string, string>>;
    readonly definition: string;
    readonly names: readonly string[];
    readonly current: string;
  }

  interface Shape {
    readonly parent: number | undefined;
    readonly kind: number;
  }

  function shapeOf(size: number): fc.Arbitrary<Shape[]> {
    const part = fc.record({ of: fc.nat(), kind: fc.nat(KINDS.length - 1) });
    return fc.array(part, { minLength: size, maxLength: size }).map((parts) =>
      // Some are roots; the parent of any other is one of those before it.
      parts.map(({ of, kind }, index) => ({
        parent: index === 0 || of % 10 === 0 ? undefined : of % index,
        kind,
      })),
    );
  }

  function makeTree(shape: readonly Shape[]): Tree {
    const [definition = ""] = newRoot({ definition: domainXml("/nowhere") }).virsh(
      `dumpxml ${DOMAIN} --inactive`,
    );
    const domain = parseDomain(definition);
    const names = shape.map((_, index) => `snap-${String(index)}`);
    const current = names.at(-1) ?? "";
    const files = shape.map(({ parent, kind }, index) => {
      const name = names[index] ?? "";
      const snapshot = {
        ...kindOf(kind)(name, domain),
        creationTime: 1_700_000_000n + BigInt(index),
        ...(parent !== undefined && { parent: names[parent] ?? "" }),
      };
      return [`${name}.xml`, formatMetadata(snapshot, name === current)] as const;
    });
    return { files: Object.fromEntries(files), definition, names, current };
  }

  function newRoot({ definition }: Pick<Tree, "definition">): LibvirtRoot {
    const root = new LibvirtRoot();
    roots.push(root);
    root.define(definition);
    return root;
  }

  function redefine(file: string, name: string, { files, current }: Tree): string {
    const diskOnly = files[file]?.includes("<state>disk-snapshot<") ? " --disk-only" : "";
    const isCurrent = name === current ? " --current" : "";
    return `snapshot-create ${DOMAIN} ${file} --redefine${diskOnly}${isCurrent}`;
  }

  /** In and out again; gives the folder that came out. */
  async function throughUs(tree: Tree, source: string, format: string): Promise<string> {
    const here = new ImportLab();
    try {
      await here.define(tree.definition);
      const result = await here.import(source, { metadataOnly: true });
      expect(new Set(Object.values(outcomes(result)))).to.deep.equal(new Set(["imported"]));
      const folder = join(here.folder, format);
      await (await here.service()).export(UUID, { format, folder });
      const kept = join(lab.folder, `out-${String(roots.length)}`);
      cpSync(folder, kept, { recursive: true });
      return kept;
    } finally {
      here.remove();
    }
  }

  /** The same files come out, and libvirt tells the same of them as of the first. */
  async function roundTrip(tree: Tree, source: string): Promise<void> {
    const folder = await throughUs(tree, source, "libvirt");
    expect(readdirSync(folder).sort()).to.deep.equal(readdirSync(source).sort());
    for (const file of readdirSync(source))
      expect(readFileSync(join(folder, file), "utf8")).to.equal(
        readFileSync(join(source, file), "utf8"),
      );
    const some = tree.names.slice(0, 300);
    const [before, after] = [source, folder].map((files) => {
      const root = newRoot(tree);
      cpSync(files, root.metadata(DOMAIN), { recursive: true });
      return root.view(DOMAIN, some);
    });
    expect(after).to.deep.equal(before);
    expect(after?.current).to.equal(tree.current);
    expect(after?.tree.match(/snap-\d+/g)).to.have.length(tree.names.length);
  }
});
