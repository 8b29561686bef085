const DAY_MS = 86_400_000;

/** The day that decides which part of a long suite is run; printed by failures, given to repeat one. */
export const TODAY = Number(process.env["DOMSNAP_TEST_DAY"] ?? Math.floor(Date.now() / DAY_MS));

/**
 * Whether the item at this place belongs to today's part, one of so many: another part each day, so
 * that in time all are run. Neighbours are in different parts.
 */
export function isOfToday(at: number, parts: number): boolean {
  return (at + TODAY) % parts === 0;
}
