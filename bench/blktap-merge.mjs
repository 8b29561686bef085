import { spawnSync } from "node:child_process";
import { randomFillSync, randomUUID } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BlktapBackend } from "../dist/plugins/blktap/index.js";
import { formatEmptyVhd } from "../dist/formats/vhd/index.js";
import { tableRunner } from "../dist/testing/carry-out.js";
import { TestEvidence } from "../dist/testing/test-evidence.js";
import { withFolder } from "./lib/domain-folder.mjs";
import { toolVersion } from "./lib/machine.mjs";
import { compare, interleave, program } from "./lib/measure.mjs";

const MIB = 1024 * 1024;
const BLOCK_BYTES = 2 * MIB;
const DISK_BYTES = 2040 * 1024 * MIB;
const BLOCKS = 512;
/** Blocks of data are spread over the whole disk. */
const STRIDE = Math.floor(DISK_BYTES / BLOCK_BYTES / BLOCKS);
const GOAL = 1.3;
const MEMORY_GOAL_MIB = 150;

/** One gibibyte of data in the overlay of a 2040 GiB disk, merged down, and a cp of as much. */
export function benchBlktapMerge({ rounds = 5 } = {}) {
  return withFolder(async (folder) => {
    const files = makeFiles(folder);
    const cp = program("cp", [files.plain, files.copy]);
    const timed = (prepare, work, path) => async () => {
      prepare();
      const began = performance.now();
      await work();
      const ended = performance.now();
      sync(path);
      return ended - began;
    };
    const cleared = () => rmSync(files.copy, { force: true });
    const times = await interleave(
      {
        domsnap: timed(
          () => prepareMerge(files),
          () => merge(files),
          files.overlay,
        ),
        cpAndSync: timed(
          cleared,
          () => {
            cp();
            sync(files.copy);
          },
          files.copy,
        ),
        cpAlone: timed(cleared, cp, files.copy),
      },
      rounds,
    );
    const memoryMib = peakMemoryMib(files);
    const subject = "blktap backend, merge of one overlay";
    return {
      title: "blktap-merge: 1 GiB of data in the overlay of a VHD of 2040 GiB",
      rounds,
      peers: [toolVersion("cp")],
      rows: [
        compare(subject, times.domsnap, "cp of 1 GiB, fsync", times.cpAndSync, GOAL),
        compare(subject, times.domsnap, "cp of 1 GiB alone", times.cpAlone),
      ],
      notes: [
        "The goal is against cp with fsync: a merge must have its data on the disk, because the " +
          "overlay that held them goes. cp alone leaves them in memory, so that ratio tells how " +
          "fast the disk writes; it is no goal.",
        `Peak memory of a whole process that merges: ${memoryMib} MiB (goal ${MEMORY_GOAL_MIB}).`,
      ],
    };
  });
}

function makeFiles(folder) {
  const files = {
    base: join(folder, "disk.before"),
    overlay: join(folder, "disk.vhd"),
    /** Another name of the overlay, which the merge takes away. */
    master: join(folder, "master.domsnap-tmp"),
    plain: join(folder, "plain"),
    copy: join(folder, "copy"),
    uuid: randomUUID().replaceAll("-", ""),
  };
  writeOverlay(files);
  writePlain(files.plain);
  return files;
}

function writeOverlay({ base, overlay, master, uuid }) {
  const parent = { path: base, uuid, changedMs: 0 };
  const empty = formatEmptyVhd({ sizeBytes: DISK_BYTES, finalPath: overlay, parent });
  const file = openSync(master, "w");
  const block = Buffer.alloc(512 + BLOCK_BYTES, 0xff);
  let at = Math.ceil(empty.length / 4096) * 4096 + 4096 - 512;
  for (let index = 0; index < BLOCKS; index++) {
    randomFillSync(block, 512);
    writeSync(file, block, 0, block.length, at);
    empty.writeUInt32BE(at / 512, 1536 + index * STRIDE * 4);
    at += block.length + 4096 - 512;
  }
  writeSync(file, empty, 0, empty.length - 512, 0);
  writeSync(file, empty, empty.length - 512, 512, at - 4096 + 512);
  fsyncSync(file);
  closeSync(file);
}

function writePlain(path) {
  const file = openSync(path, "w");
  const block = Buffer.alloc(BLOCK_BYTES);
  for (let index = 0; index < BLOCKS; index++) writeSync(file, randomFillSync(block));
  fsyncSync(file);
  closeSync(file);
}

function prepareMerge({ base, overlay, master, uuid }) {
  rmSync(overlay, { force: true });
  linkSync(master, overlay);
  writeFileSync(base, formatEmptyVhd({ sizeBytes: DISK_BYTES, finalPath: base, uuid }));
}

/** The whole operation as the executor runs it: check, copy, fsync, swap, verify. */
async function merge({ base, overlay }) {
  const { operations, id } = new BlktapBackend();
  const ref = (path) => ({ path, type: "file", format: "vhd" });
  const step = { target: "xvda", base: ref(base), overlay: ref(overlay), relink: [] };
  const disks = [{ ...step, into: "renamed" }];
  const operation = { kind: "disks.merge", backend: id, snapshot: "before", disks };
  const evidence = new TestEvidence();
  const context = {
    domain: { name: "guest", uuid: "1d4a1f6e-0b3c-4c0e-9a52-5f1d8e0c7a12" },
    evidence,
    signal: new globalThis.AbortController().signal,
    progress: () => undefined,
    warn: (message) => console.error(message),
  };
  const runner = tableRunner(operations, evidence);
  await runner.run(operation, context);
  if ((await runner.settle(operation, context)) !== "done") throw new Error("it is not merged");
}

function peakMemoryMib(files) {
  prepareMerge(files);
  const argv = [fileURLToPath(import.meta.url), files.base, files.overlay];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return Math.round(Number(stdout) / 1024);
}

function sync(path) {
  const file = openSync(path, "r");
  fsyncSync(file);
  closeSync(file);
}

const [, script, base, overlay] = process.argv;
if (script === fileURLToPath(import.meta.url)) {
  await merge({ base, overlay });
  console.log(process.resourceUsage().maxRSS);
}
