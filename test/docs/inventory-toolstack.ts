import { readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { ContainerModule } from "inversify";
import {
  ConnectionProvider,
  DomsnapError,
  domsnapRules,
  FilePersistence,
  type Domain,
  type DomainDefinition,
  type DomainOperations,
  type Toolstack,
} from "../../src/plugin.js";
import { canonicalUuid, parseDomain } from "../../src/xml/index.js";

/** Domain definitions in one JSON file, by name: `{ "web": "<domain>...</domain>" }`. */
class Inventory {
  constructor(private readonly file: string) {}

  async list(): Promise<DomainDefinition[]> {
    return Object.values(await this.#read()).map((xml) => parseDomain(xml));
  }

  /** Durable and atomic enough for an example; see `write-file-atomic` for the real thing. */
  async put(definition: DomainDefinition): Promise<void> {
    const all = { ...(await this.#read()), [definition.name]: definition.xml };
    await writeFile(`${this.file}.new`, JSON.stringify(all), { flush: true });
    await rename(`${this.file}.new`, this.file);
  }

  async #read(): Promise<Record<string, string>> {
    return JSON.parse(await readFile(this.file, "utf8")) as Record<string, string>;
  }
}

/** Domains that are only described, never run: all that revert and delete need is `define`. */
function domainOperations(inventory: Inventory): DomainOperations {
  const isStored = async ({ xml }: DomainDefinition) =>
    (await inventory.list()).some((stored) => stored.xml === xml);
  return {
    "domain.define": {
      run: ({ definition }) => inventory.put(definition),
      async undo({ definition, previous }) {
        if (await isStored(definition)) await inventory.put(previous);
      },
      settle: async ({ definition }) => ((await isStored(definition)) ? "done" : "not-done"),
    },
  };
}

function inventoryToolstack(uri: string, inventory: Inventory): Toolstack {
  const listDomains = async () => (await inventory.list()).map(toDomain);
  return {
    uri,
    rules: domsnapRules,
    touchesImages: true,
    operations: domainOperations(inventory),
    listDomains,
    async findDomain(reference) {
      const uuid = canonicalUuid(reference);
      const domains = await listDomains();
      const domain =
        domains.find((one) => one.uuid === uuid) ?? domains.find((one) => one.name === reference);
      if (domain) return domain;
      throw new DomsnapError("no-domain", `no domain with matching name '${reference}'`);
    },
  };
}

function toDomain(definition: DomainDefinition): Domain {
  const { name, uuid } = definition;
  return { name, uuid, state: "shutoff", persistent: true, definition };
}

/** Serves `inventory:///FILE.json`; snapshots are recorded in `FILE.json.snapshots`. */
export const inventoryModule = new ContainerModule(({ bind }) => {
  bind<ConnectionProvider>(ConnectionProvider).toResolvedValue(
    (openPersistence: FilePersistence): ConnectionProvider => ({
      schemes: ["inventory"],
      open: (uri) => {
        const file = fileURLToPath(uri.replace(/^inventory:/, "file:"));
        return Promise.resolve({
          toolstack: inventoryToolstack(uri, new Inventory(file)),
          ...openPersistence(`${file}.snapshots`),
          close: () => Promise.resolve(),
        });
      },
    }),
    [FilePersistence],
  );
});
