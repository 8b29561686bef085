// Measures domsnap beside its peers and prints ratios.
//
//   npm run bench                     everything, about four minutes
//   npm run bench -- start list       some of it
//   npm run bench -- --json           for programs
//   npm run bench -- --rounds 5       fewer or more rounds than each benchmark takes by itself
//
// All contestants of a benchmark run in turn in one process tree, so that whatever else the
// machine does hits all of them. Read the ratios; absolute times belong to the machine.
import { parseArgs } from "node:util";
import { benchBlktapMerge } from "./blktap-merge.mjs";
import { benchCopy } from "./copy.mjs";
import { benchDocument } from "./document.mjs";
import { benchImport } from "./import.mjs";
import { machineFacts } from "./lib/machine.mjs";
import { formatReport } from "./lib/report.mjs";
import { benchList } from "./list.mjs";
import { benchLive } from "./live.mjs";
import { benchStart } from "./start.mjs";

const BENCHMARKS = {
  start: benchStart,
  document: benchDocument,
  list: benchList,
  import: benchImport,
  copy: benchCopy,
  "blktap-merge": benchBlktapMerge,
  live: benchLive,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, rounds: { type: "string" } },
});
const unknown = positionals.filter((name) => !(name in BENCHMARKS));
if (unknown.length > 0) {
  console.error(`no benchmark '${unknown[0]}'; there are: ${Object.keys(BENCHMARKS).join(", ")}`);
  process.exit(1);
}

const chosen = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS);
const options = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };
const results = [];
for (const name of chosen) {
  if (!values.json) console.error(`running ${name} ...`);
  results.push(await BENCHMARKS[name](options));
}
const report = { machine: machineFacts(), benchmarks: results };
console.log(values.json ? JSON.stringify(report, undefined, 2) : formatReport(report));
