/**
 * The report as text. A benchmark is `{ title, rounds, peers, rows, notes }`, a row
 * as `compare` makes it; one whose peer is absent has no ratio.
 */
export function formatReport({ machine, benchmarks }) {
  const head =
    `domsnap ${machine.domsnap}, Node ${machine.node}, Linux ${machine.linux}, ${machine.cpu}, ` +
    `${String(machine.memoryGib)} GiB, load ${machine.loadAtTheEnd.toFixed(1)}`;
  return [head, ...benchmarks.map(formatBenchmark)].join("\n\n");
}

function formatBenchmark({ title, rounds, peers, rows, notes }) {
  const table = formatTable([
    ["", "against", "ratio", "range", "fastest", "goal", "median", "peer"],
    ...rows.map(cells),
  ]);
  const facts = [`${String(rounds)} rounds in turn`, ...peers].join("; ");
  return [title, `(${facts})`, "", table, ...notes.map((note) => `- ${note}`)].join("\n");
}

function cells(row) {
  const { subject, peer, ratio, fastestRatio, medianMs, peerMs } = row;
  return [
    subject,
    peer,
    ratio ? ratio.median.toFixed(2) : "-",
    ratio ? `${ratio.low.toFixed(2)}..${ratio.high.toFixed(2)}` : "",
    fastestRatio === undefined ? "" : fastestRatio.toFixed(2),
    formatGoal(row),
    formatMs(medianMs),
    formatMs(peerMs),
  ];
}

/** A peer whose own time varies more than this says nothing about a goal. */
const NOISE_LIMIT = 2;

function formatGoal({ ratio, extraMs, goal, peerNoise }) {
  if (goal === undefined || !ratio) return "";
  if (typeof goal === "object") {
    const found = `${extraMs < 0 ? "" : "+"}${extraMs.toFixed(1)} ms`;
    return `at most +${String(goal.extraMs)} ms: ${extraMs <= goal.extraMs ? "ok" : "MISSED"} (${found})`;
  }
  const limit = `at most ${String(goal)}`;
  if (ratio.median <= goal) return `${limit}: ok`;
  return peerNoise > NOISE_LIMIT ? `${limit}: too noisy to tell` : `${limit}: MISSED`;
}

function formatMs(ms) {
  if (ms === undefined) return "";
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${(ms * 1000).toFixed(0)} us`;
}

function formatTable(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
