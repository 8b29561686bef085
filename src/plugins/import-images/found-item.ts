/** What names this source, and begins the origin of what it finds. */
export const WORD = "images";

/** Snapshots of one name that are further apart may be of different moments. */
const SAME_MOMENT_SECONDS = 60;

/** What is to be said of disks that were frozen at these times (seconds). */
export function momentNotes(times: readonly number[]): string[] {
  return Math.max(...times) - Math.min(...times) > SAME_MOMENT_SECONDS
    ? ["its disks were taken at different times, and may not fit each other"]
    : [];
}
