// Writes what this version writes into fixtures/formats. For a format with a new version only: what
// is there was written by versions that are in use, and has to be read for ever.
//
//   node --import tsx --import reflect-metadata test/golden/make-golden.ts
import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { FileSnapshotStore } from "../../src/plugins/store-file/index.js";
import { libvirtDocuments } from "../../src/xml/index.js";
import { fill, ImportLab, qemuImg } from "../migration/support/import-lab.js";
import {
  COMMANDS,
  CURRENT,
  DEFINITION,
  GOLDEN,
  journalText,
  PATTERNS,
  SNAPSHOTS,
  UUID,
} from "./golden-data.js";
import { jsonOf } from "./json-of.js";

async function unlessThere(name: string, make: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(GOLDEN, name);
  if (existsSync(folder)) return;
  mkdirSync(folder, { recursive: true });
  await make(folder);
}

async function makeState(folder: string): Promise<void> {
  writeFileSync(join(folder, "vm1.xml"), `${DEFINITION}\n`);
  const store = new FileSnapshotStore(join(folder, "snapshots"), libvirtDocuments);
  await store.writeAll(UUID, SNAPSHOTS);
  await store.setCurrent(UUID, CURRENT);
  writeFileSync(join(folder, "snapshots", UUID, "lock"), "process 4711 on host.example\n");
}

// eslint-disable-next-line @typescript-eslint/require-await -- as the others
async function makeJournal(folder: string): Promise<void> {
  writeFileSync(join(folder, "journal"), journalText());
}

async function makeBundle(folder: string): Promise<void> {
  const lab = new ImportLab();
  const image = join(lab.folder, "vda.qcow2");
  try {
    qemuImg("create", "-q", "-f", "qcow2", "-o", "cluster_size=512", image, "64K");
    await lab.define();
    const service = await lab.service();
    const create = (name: string, mode: string) =>
      service.create(
        UUID,
        `<domainsnapshot><name>${name}</name><disks><disk name='vda' snapshot='${mode}'/></disks></domainsnapshot>`,
        {},
      );
    fill(image, PATTERNS.inside);
    await create("inside", "internal");
    fill(image, PATTERNS.outside);
    await create("outside", "external");
    fill(join(lab.folder, "vda.outside"), PATTERNS.now);
    const bundle = join(lab.folder, "bundle");
    await service.export(UUID, { format: "bundle", folder: bundle, images: true });
    cpSync(bundle, folder, { recursive: true });
  } finally {
    lab.remove();
  }
}

async function makeJson(folder: string): Promise<void> {
  for (const [name, command] of Object.entries(COMMANDS))
    writeFileSync(join(folder, `${name}.json`), await jsonOf(join(GOLDEN, "state-1"), command));
}

await unlessThere("state-1", makeState);
await unlessThere("journal-3", makeJournal);
await unlessThere("bundle-2", makeBundle);
await unlessThere("json-1", makeJson);
