import { expect } from "chai";
import fc from "fast-check";
import { patience } from "../../scripts/test-run/patience.cjs";
import { openSnapshotService } from "../../src/container.js";
import { runInProcess } from "./run-in-process.js";
import { comparable, runVirsh } from "./run-virsh.js";

/** Lines of pieces that mean something to the grammar, put together without sense. */
const PIECES = [
  "echo",
  "snapshot-list",
  "snapshot-info",
  "snapshot-parent",
  "snapshot-create-as",
  "snapshot-delete",
  "test",
  "nosuch",
  "a",
  "b",
  "--domain",
  "--domain=test",
  "--snapshotname",
  "--tree",
  "--name",
  "--from",
  "--current",
  "--print-xml",
  "--diskspec",
  "vda,file=/x",
  "--shell",
  "--xml",
  "--nope",
  "--",
  "-x",
  "=",
  ";",
  "\n",
  "\\",
  "#",
  "'",
  '"',
  "''",
  '""',
];

describe("the grammar beside virsh", () => {
  it("gives the same output and errors for senseless lines", async function () {
    this.timeout(patience(120_000));
    const line = fc
      .array(fc.tuple(fc.constantFrom(...PIECES), fc.constantFrom(" ", " ", " ", "")), {
        minLength: 1,
        maxLength: 9,
      })
      .map((pieces) => pieces.flat().join(""));
    await fc.assert(
      fc.asyncProperty(line, async (text) => {
        const argv = ["-c", "test:///default", "--", text];
        const [expected, actual] = await Promise.all([
          runVirsh(argv),
          runInProcess(argv, { openService: openSnapshotService }),
        ]);
        expect(comparable(actual)).to.equal(comparable(expected));
      }),
      { numRuns: Number(process.env["DOMSNAP_GRAMMAR_RUNS"] ?? 100) },
    );
  });
});
