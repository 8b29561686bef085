import { mkdirSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describeDiskBackend, type DiskBackendFixture } from "domsnap/testing";
import { createVault } from "../src/vault-backend.js";

function open(folder: string): Promise<DiskBackendFixture> {
  const vault = join(folder, "vault");
  mkdirSync(vault, { recursive: true });
  const file = (path: string) => path.replace(/^\/vault\//, `${vault}/`);
  return Promise.resolve({
    backend: createVault(vault),
    makeImage: (path, format, content) =>
      writeFile(path, content).then(() => ({ path, type: "file", format })),
    readImage: ({ path }) => readFile(file(path)),
    writeImage: ({ path }, byte) => writeFile(path, Buffer.alloc(65536, byte), { flag: "r+" }),
    stranger: {
      put: async (locator, content) => {
        await rm(file(locator), { force: true });
        await writeFile(file(locator), content);
      },
      read: (locator) => readFile(file(locator), "utf8"),
    },
  });
}
describeDiskBackend("vault", {
  forms: [{ mode: "external", imageFormat: "raw", fileFormat: "raw" }],
  hasStorage: true,
  open,
});
