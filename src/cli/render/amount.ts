/** Bytes for people: `12.3 MiB`. */
export function formatMib(bytes: number): string {
  return `${(bytes / (1024 * 1024)).toFixed(1)} MiB`;
}
