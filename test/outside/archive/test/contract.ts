import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeDiskBackend, type DiskBackendFixture } from "domsnap/testing";
import { archiveBackend } from "../src/archive-backend.js";

const flat = join(mkdtempSync(join(tmpdir(), "archive-")), "flat");
const run = (program: string, ...args: string[]) => Promise.resolve(execFileSync(program, args));

const fixture: DiskBackendFixture = {
  backend: archiveBackend,
  makeImage: (path, format, content) =>
    writeFile(path, content).then(() => ({ path, type: "file", format })),
  readImage: ({ path, format }) =>
    run("qemu-img", "convert", "-f", format, "-O", "raw", path, flat).then(() => readFile(flat)),
  writeImage: async ({ path }, byte) =>
    void (await run("qemu-io", "-f", "raw", "-c", `write -q -P ${byte} 0 64k`, path)),
};
describeDiskBackend("archive", {
  forms: [{ mode: "external", imageFormat: "raw", fileFormat: "qcow2" }],
  open: () => Promise.resolve(fixture),
});
