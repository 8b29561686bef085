import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Domain } from "../../../src/core/model/index.js";
import { ImageInspectors } from "../../../src/core/plan/image-inspectors.js";
import { BundleFormat } from "../../../src/plugins/bundle/bundle-format.js";
import { BundleSource } from "../../../src/plugins/bundle/bundle-source.js";
import { ImagesSource } from "../../../src/plugins/import-images/images-source.js";
import { DocumentsSource } from "../../../src/plugins/import-libvirt/documents-source.js";
import { VirshSource } from "../../../src/plugins/import-libvirt/virsh-source.js";
import { InformationFilesSource } from "../../../src/plugins/import-toolstack/information-files-source.js";
import { QemuInspector } from "../../../src/plugins/qdisk/qemu-inspector.js";
import { describeImportSource } from "../../../src/testing/index.js";
import { parseDomain } from "../../../src/xml/index.js";
import { domainXml, metadata, sample, UUID } from "../../migration/support/import-lab.js";

const NAMES = ["a", "b", "c d"];

/** A folder with files, beside which there is the same with one more. */
function withDamaged(folder: string, files: Readonly<Record<string, string>>, bad: string) {
  const [named, damaged] = [join(folder, "good"), join(folder, "damaged")];
  mkdirSync(named);
  for (const [name, content] of Object.entries(files)) writeFileSync(join(named, name), content);
  cpSync(named, damaged, { recursive: true });
  writeFileSync(join(damaged, bad), "<\0");
  return { named, damaged, gone: join(folder, "gone") };
}

function domainOf(folder: string): Domain {
  const definition = parseDomain(domainXml(folder));
  const { name, uuid } = definition;
  return { name, uuid, state: "shutoff", persistent: true, definition };
}

const documents = Object.fromEntries(
  NAMES.map((name, index) => {
    const parent = NAMES[index - 1];
    const isCurrent = index === NAMES.length - 1;
    return [`${name}.xml`, metadata(name, parent === undefined ? {} : { parent }, isCurrent)];
  }),
);

describeImportSource("DocumentsSource of a folder", {
  open: (folder) =>
    Promise.resolve({
      source: new DocumentsSource(),
      snapshots: NAMES,
      ...withDamaged(folder, documents, "bad.xml"),
    }),
});

describeImportSource("DocumentsSource of a stream", {
  open: (folder) => {
    const [named, damaged] = [join(folder, "stream.xml"), join(folder, "damaged.xml")];
    const stream = Object.values(documents).join("");
    writeFileSync(named, stream);
    writeFileSync(damaged, `${stream}<domainsnapshot><name></name></domainsnapshot>`);
    const gone = join(folder, "gone.xml");
    return Promise.resolve({
      source: new DocumentsSource(),
      named,
      damaged,
      gone,
      snapshots: NAMES,
    });
  },
});

describeImportSource("VirshSource", {
  open: (folder) => {
    const node = join(folder, "node.xml");
    const domain = `<name>vm1</name><uuid>${UUID}</uuid><memory>8192</memory><os><type>hvm</type></os>`;
    const snapshots = NAMES.map((name, index) => {
      const parent = NAMES[index - 1];
      const above = parent === undefined ? "" : `<parent><name>${parent}</name></parent>`;
      return (
        `<test:domainsnapshot><name>${name}</name><state>shutoff</state>${above}` +
        `<creationTime>17</creationTime><domain type='test'>${domain}</domain>` +
        `<active>${String(Number(index === NAMES.length - 1))}</active></test:domainsnapshot>`
      );
    });
    const space = "xmlns:test='http://libvirt.org/schemas/domain/test/1.0'";
    const content = `<node><domain type='test' ${space}>${domain}${snapshots.join("")}</domain></node>`;
    writeFileSync(node, content);
    const gone = `test://${join(folder, "gone.xml")}`;
    return Promise.resolve({
      source: new VirshSource(),
      named: `test://${node}`,
      gone,
      snapshots: NAMES,
    });
  },
});

describeImportSource("InformationFilesSource", {
  open: (folder) => {
    const files = Object.fromEntries(
      NAMES.map((name, index) => [
        `snapshotdata-${name}.xl`,
        `name="${name}"\ncreationtime="${String(index + 1)}"\ntype="internal"\ndisk=["vda="]\n`,
      ]),
    );
    return Promise.resolve({
      source: new InformationFilesSource(),
      snapshots: NAMES,
      ...withDamaged(folder, files, "snapshotdata-bad.xl"),
    });
  },
});

describeImportSource("ImagesSource", {
  open: (folder) => {
    const image = join(folder, "vda.qcow2");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", image, "1M"]);
    for (const name of NAMES) execFileSync("qemu-img", ["snapshot", "-c", name, image]);
    return Promise.resolve({
      source: new ImagesSource(new ImageInspectors([new QemuInspector()])),
      named: "images",
      snapshots: NAMES,
      domain: domainOf(folder),
    });
  },
});

describeImportSource("BundleSource", {
  open: async (folder) => {
    const [named, damaged] = [join(folder, "bundle"), join(folder, "damaged")];
    await exportBundle(named, NAMES);
    await exportBundle(damaged, [...NAMES, "bad"]);
    writeFileSync(join(damaged, "snapshots/0004.xml"), "<\0");
    const gone = join(folder, "gone");
    return { source: new BundleSource(), named, damaged, gone, snapshots: NAMES };
  },
});

async function exportBundle(folder: string, names: readonly string[]): Promise<void> {
  const snapshots = names.map((name) => sample(name));
  await new BundleFormat().write({ domain: domainOf("/nowhere"), snapshots }, folder, {
    images: false,
    dryRun: false,
    signal: new AbortController().signal,
    progress: () => undefined,
  });
}
