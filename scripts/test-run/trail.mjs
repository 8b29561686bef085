/**
 * What the trail of the reporter tells: how many tests `passed`, `failed` and were `skipped`, the
 * `failures` with their reasons, whether all had `ended`, and which test (or hook) was `last`.
 */
export function parseTrail(text) {
  const result = { passed: 0, failed: 0, skipped: 0, failures: [], ended: false, last: undefined };
  // The last line is whole or empty: each is written at once.
  for (const line of text.split("\n").filter(Boolean)) {
    const { begins, passed = 0, failed = 0, skipped = 0, title, message, ended } = JSON.parse(line);
    result.passed += passed;
    result.failed += failed;
    result.skipped += skipped;
    if (failed > 0) result.failures.push({ title, message: String(message ?? "no reason") });
    if (begins !== undefined) result.last = begins;
    if (ended) result.ended = true;
  }
  return result;
}
