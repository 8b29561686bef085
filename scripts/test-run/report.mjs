// What the runner prints.
const SLOW_SECONDS = 5;
const SLOWEST = 15;
const LONGEST_REASON = 300;

/** Says that a file has ended, and shows what it printed. */
export function tellFile({ file, passed, failed, skipped, seconds, output }, done, total) {
  const count = `${String(done).padStart(`${total}`.length)} of ${total}`;
  const verdict = failed > 0 ? `FAILED ${failed}, ` : "";
  const pending = skipped > 0 ? `, ${skipped} skipped` : "";
  console.log(`${count}  ${file}: ${verdict}${passed} passed${pending}, ${seconds.toFixed(1)} s`);
  if (output.trim() !== "") console.log(output.trimEnd());
}

/** The files that took longest, slowest first. */
export function tellSlowest(results) {
  const slowest = results
    .filter(({ seconds }) => seconds >= SLOW_SECONDS)
    .sort((a, b) => b.seconds - a.seconds)
    .slice(0, SLOWEST);
  if (slowest.length === 0) return;
  console.log("\n   seconds  tests  the slowest files");
  for (const { file, seconds, passed, failed } of slowest)
    console.log(`${seconds.toFixed(1).padStart(10)} ${`${passed + failed}`.padStart(6)}  ${file}`);
}

/** Every failure with its reason. */
export function tellFailures(results) {
  const failed = results.filter(({ failures }) => failures.length > 0);
  if (failed.length === 0) return;
  console.log("\nFailures:");
  for (const { file, failures } of failed)
    for (const { title, message } of failures)
      console.log(`  ${file}\n    ${title}\n      ${shorten(message)}`);
}

/** The last line, for programs: `2085 passed, 0 failed`. */
export function closingLine(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const skipped = sum("skipped");
  return `${sum("passed")} passed, ${sum("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

function shorten(message) {
  const line = message.replace(/\s+/g, " ");
  return line.length > LONGEST_REASON ? `${line.slice(0, LONGEST_REASON)}...` : line;
}
