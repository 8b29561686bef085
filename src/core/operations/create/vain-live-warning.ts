/** What is told of a wish for live memory where the toolstack has no way to save it so. */
export function vainLiveWarning(uri: string): string {
  return (
    `'${uri}' cannot save memory while the guest runs: it is paused until its memory is ` +
    "written and its disks are taken, and no longer"
  );
}
