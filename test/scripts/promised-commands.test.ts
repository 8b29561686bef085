import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface BenchReport {
  readonly benchmarks: readonly {
    readonly rows: readonly { readonly subject: string; readonly ratio: { median: number } }[];
  }[];
}

function node(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: "utf8",
  });
  expect(status, stderr).to.equal(0);
  return stdout;
}

describe("what the README and package.json promise", function () {
  this.timeout(patience(120_000));
  before(() => {
    ensureBuilt();
  });

  it("the demo ends with the content back", () => {
    const lines = node("scripts/demo.mjs").trimEnd().split("\n");
    expect(lines.at(-1)).to.equal("The content is back.");
    expect(lines.filter((line) => line.startsWith("$ domsnap ")).length).to.be.greaterThan(7);
    const hashes = lines.filter((line) => /^[0-9a-f]{64} /.test(line));
    expect(hashes[0]).to.equal(hashes.at(-1)).and.not.to.equal(hashes[1]);
  });

  it("the benchmarks measure, and print ratios as data", () => {
    const report = node("bench/run.mjs", "start", "document", "--rounds", "1", "--json");
    const { benchmarks } = JSON.parse(report) as BenchReport;
    expect(benchmarks).to.have.length(2);
    for (const { subject, ratio } of benchmarks.flatMap(({ rows }) => rows))
      expect(ratio.median, subject).to.be.greaterThan(0);
  });

  it("every entry of the package can be imported", () => {
    const { exports } = JSON.parse(readFileSync(`${root}/package.json`, "utf8")) as {
      exports: Record<string, unknown>;
    };
    const entries = Object.keys(exports).map((path) => path.replace(/^\./, "domsnap"));
    expect(entries).to.include("domsnap").and.to.include("domsnap/plugin");
    // The suites use mocha's globals only when they are called.
    const script = entries.map((entry) => `await import(${JSON.stringify(entry)});`).join("");
    node("--input-type=module", "-e", script);
  });
});
