// How long tests wait for what must come. A limit is there to end what hangs, and never says how
// quick a machine has to be: it is generous, and grows where a machine is slow.

/** What limits are multiplied by: given by the runner, which has measured the machine. */
const VARIABLE = "DOMSNAP_TEST_PATIENCE";
/** For a machine that nobody has measured. */
const DEFAULT_FACTOR = 3;

function patienceFactor() {
  const factor = Number(process.env[VARIABLE] ?? DEFAULT_FACTOR);
  if (factor > 0) return factor;
  throw new Error(`${VARIABLE} has to be a number above 0`);
}

/** A limit for what takes less than `ms` on a quick machine that has nothing else to do. */
function patience(ms) {
  return Math.ceil(ms * patienceFactor());
}

module.exports = { patience, patienceFactor, PATIENCE_VARIABLE: VARIABLE, DEFAULT_FACTOR };
