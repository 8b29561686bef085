import { readdirSync } from "node:fs";
import { join } from "node:path";

import { expect } from "chai";
import fc from "fast-check";

import { BlktapBackend } from "../../../src/plugins/blktap/index.js";
import { findChildren, hostImageFiles } from "../../../src/formats/vhd/index.js";
import { handlerOf } from "../../support/images/operations.js";
import { makeFolder } from "../support/state-folder.js";
import { readAsGuest, writeAsGuest } from "../../formats/vhd/support/guest-vhd.js";
import { makeDynamic } from "../../formats/vhd/support/vhd-images.js";
import { freeze, goBack, image, mergeStep, operations } from "./support/operations.js";

const SECTORS = 200;

type Step =
  | { readonly do: "write"; readonly sector: number; readonly byte: number }
  | { readonly do: "snapshot" }
  | { readonly do: "revert" | "delete"; readonly which: number };

const steps = fc.array(
  fc.oneof<fc.Arbitrary<Step>[]>(
    fc.record({
      do: fc.constant("write" as const),
      sector: fc.nat(SECTORS - 8),
      byte: fc.integer({ min: 1, max: 255 }),
    }),
    fc.record({ do: fc.constant("snapshot" as const) }),
    fc.record({ do: fc.constantFrom("revert" as const, "delete" as const), which: fc.nat(20) }),
  ),
  { minLength: 4, maxLength: 14 },
);

describe("blktap, any order of snapshots", () => {
  it("keeps every state that was not given up", () =>
    fc.assert(fc.asyncProperty(fc.constantFrom("vhd" as const, "raw" as const), steps, walk), {
      numRuns: 15,
    }));
});

async function walk(format: "vhd" | "raw", plan: readonly Step[]): Promise<void> {
  const { path: folder, dispose } = await makeFolder();
  try {
    const active = join(folder, "disk");
    const backend = new BlktapBackend();
    await makeDynamic(active, SECTORS * 512);
    if (format === "raw")
      await hostImageFiles.open(active, "write").then(async (file) => {
        await file.truncate(0);
        await file.truncate(SECTORS * 512);
        await file.close();
      });
    let activeFormat = format;
    const present = Buffer.alloc(SECTORS * 512);
    const kept = new Map<string, { state: Buffer; format: "vhd" | "raw" }>();
    const check = () => {
      expect(readAsGuest(active, activeFormat).equals(present)).to.equal(true);
      for (const [name, { state, format }] of kept)
        expect(readAsGuest(join(folder, name), format).equals(state), name).to.equal(true);
    };
    for (const [index, step] of plan.entries()) {
      // Each step is a plan of its own.
      const handler = handlerOf(backend);
      const names = [...kept.keys()];
      const chosen = "which" in step ? names[step.which % names.length] : undefined;
      if (step.do === "write") {
        const data = Buffer.alloc(8 * 512, step.byte);
        writeAsGuest(active, activeFormat, step.sector * 512, data);
        data.copy(present, step.sector * 512);
      } else if (step.do === "snapshot") {
        const name = `frozen-${index}`;
        await handler.run(
          operations.snapshot(name, [freeze(image(active, activeFormat), join(folder, name))]),
        );
        kept.set(name, { state: Buffer.from(present), format: activeFormat });
        activeFormat = "vhd";
      } else if (chosen !== undefined) {
        const frozen = kept.get(chosen)!;
        const ref = image(join(folder, chosen), frozen.format);
        if (step.do === "revert") {
          const disks = [goBack(ref, active)];
          await handler.run(operations.stage(disks));
          await handler.run(operations.revert(disks));
          frozen.state.copy(present);
        } else {
          const children = await findChildren(hostImageFiles, ref.path);
          const [child] = children;
          if (children.length > 1) continue;
          if (child === undefined)
            await handler.run({ kind: "disks.discard", backend: "blktap", files: [ref] });
          else {
            const above = await findChildren(hostImageFiles, child);
            await handler.run(operations.merge([mergeStep(ref, child, above)]));
          }
          kept.delete(chosen);
        }
      }
      check();
    }
    expect(readdirSync(folder).sort()).to.deep.equal(["disk", ...kept.keys()].sort());
  } finally {
    await dispose();
  }
}
