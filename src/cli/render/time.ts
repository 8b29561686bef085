/** The largest second that glib (and so virsh) can print: the end of the year 9999. */
const LAST_SECOND = 253_402_300_799n;
const FIRST_SECOND = -62_135_596_800n;

/**
 * Seconds since the epoch as `2026-11-23 12:22:26 +0000` in the local time zone. A moment outside
 * of the years 1 to 9999 becomes `@SECONDS`; 0, which stands for "unknown", becomes `-`.
 */
export function formatTime(seconds: bigint): string {
  if (seconds === 0n) return "-";
  if (seconds > LAST_SECOND || seconds < FIRST_SECOND) return `@${seconds}`;
  const time = new Date(Number(seconds) * 1000);
  const day = [pad(time.getFullYear(), 4), pad(time.getMonth() + 1), pad(time.getDate())].join("-");
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map((n) => pad(n));
  return `${day} ${clock.join(":")} ${formatZone(-time.getTimezoneOffset())}`;
}

function formatZone(minutesEast: number): string {
  const minutes = Math.abs(minutesEast);
  return `${minutesEast < 0 ? "-" : "+"}${pad(Math.floor(minutes / 60))}${pad(minutes % 60)}`;
}

function pad(value: number, length = 2): string {
  return String(value).padStart(length, "0");
}
