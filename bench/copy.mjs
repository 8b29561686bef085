import { randomFillSync } from "node:crypto";
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { TestEvidence } from "../dist/testing/test-evidence.js";
import { DdBackend } from "../dist/plugins/dd/index.js";
import { withFolder } from "./lib/domain-folder.mjs";
import { toolVersion } from "./lib/machine.mjs";
import { compare, interleave, program } from "./lib/measure.mjs";

const MIB = 1024 * 1024;
const SIZE_BYTES = 4096 * MIB;
/** One MiB of data in every four. */
const STRIDE_BYTES = 4 * MIB;
const GOAL = 1.25;

/** A sparse image of 4 GiB with 1 GiB of data, copied by the dd backend and by cp. */
export function benchCopy({ rounds = 5 } = {}) {
  return withFolder(async (folder) => {
    const image = join(folder, "guest.raw");
    makeImage(image);
    const copies = { domsnap: join(folder, "domsnap.raw"), cp: join(folder, "cp.raw") };
    const cp = program("cp", ["--sparse=always", image, copies.cp]);
    // What one leaves unwritten must not burden the next, so it is flushed outside of the time.
    const fresh = (path, work) => async () => {
      rmSync(path, { force: true });
      const began = performance.now();
      await work();
      const ended = performance.now();
      sync(path);
      return ended - began;
    };
    const times = await interleave(
      {
        domsnap: fresh(copies.domsnap, () => snapshot(image, copies.domsnap)),
        cpAndSync: fresh(copies.cp, () => {
          cp();
          sync(copies.cp);
        }),
        cpAlone: fresh(copies.cp, cp),
      },
      rounds,
    );
    const subject = "dd backend, snapshot of one disk";
    const [own, theirs] = [copies.domsnap, copies.cp].map((path) => statSync(path).blocks);
    return {
      title: "copy: a sparse image of 4 GiB with 1 GiB of data",
      rounds,
      peers: [toolVersion("cp")],
      rows: [
        compare(subject, times.domsnap, "cp --sparse=always, fsync", times.cpAndSync, GOAL),
        compare(subject, times.domsnap, "cp --sparse=always alone", times.cpAlone),
      ],
      notes: [
        "A snapshot is on the disk when domsnap returns; cp alone leaves it in memory.",
        `Room taken by the copy: ${(own / theirs).toFixed(3)} of that of cp.`,
      ],
    };
  });
}

/** The whole operation as the executor runs it: reflink if possible, else copy, verify, fsync. */
async function snapshot(image, copy) {
  const backend = new DdBackend();
  const ref = (path) => ({ path, type: "file", format: "raw" });
  const step = { keeps: "copy", target: "vda", image: ref(image), copy: ref(copy) };
  const operation = {
    kind: "disks.snapshot",
    backend: backend.id,
    snapshot: "bench",
    disks: [{ ...step, before: "absent" }],
  };
  const context = {
    domain: { name: "guest", uuid: "1d4a1f6e-0b3c-4c0e-9a52-5f1d8e0c7a12" },
    evidence: new TestEvidence(),
    signal: new globalThis.AbortController().signal,
    progress: () => undefined,
    warn: (message) => console.error(message),
  };
  const work = backend.operations["disks.snapshot"];
  await work.run(operation, context);
  if ((await work.settle(operation, context)) !== "done") throw new Error("the copy is not there");
}

function makeImage(path) {
  const file = openSync(path, "w");
  const block = Buffer.alloc(MIB);
  ftruncateSync(file, SIZE_BYTES);
  for (let position = 0; position < SIZE_BYTES; position += STRIDE_BYTES)
    writeSync(file, randomFillSync(block), 0, MIB, position);
  fsyncSync(file);
  closeSync(file);
}

function sync(path) {
  const file = openSync(path, "r");
  fsyncSync(file);
  closeSync(file);
}
