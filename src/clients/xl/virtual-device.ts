/** Bits of the number of a Xen block device beyond the old major and minor numbers. */
const EXTENDED = 2 ** 28;
const PATTERN = /^(?<kind>xvd|hd|sd)(?<letters>[a-z]{1,4})(?<partition>[1-9]\d{0,2})?$/;
const FIRST_LETTER = "a".charCodeAt(0);

/**
 * The number by which xenstore knows a guest's disk: 51712 for `xvda` (Xen: vbd interface);
 * undefined for a name that is none.
 */
export function virtualDeviceNumber(vdev: string): number | undefined {
  const groups = PATTERN.exec(vdev)?.groups;
  if (groups === undefined) return numbered(vdev);
  const { kind, letters = "", partition } = groups;
  return numberOf(kind ?? "", indexOf(letters), Number(partition ?? 0));
}

/** `a` is 0, `z` 25, `aa` 26. */
function indexOf(letters: string): number {
  return [...letters].reduce(
    (index, letter) => (index + 1) * 26 + letter.charCodeAt(0) - FIRST_LETTER,
    -1,
  );
}

function numberOf(kind: string, disk: number, partition: number): number | undefined {
  const small = partition <= 15;
  switch (kind) {
    case "xvd":
      return small && disk <= 15
        ? 202 * 256 + disk * 16 + partition
        : EXTENDED + disk * 256 + partition;
    case "sd":
      return small && disk <= 15 ? 8 * 256 + disk * 16 + partition : undefined;
    default: {
      if (disk > 3 || partition >= 64) return undefined;
      return (disk < 2 ? 3 : 22) * 256 + (disk % 2) * 64 + partition;
    }
  }
}

/** `d0p1`, or the number itself. */
function numbered(vdev: string): number | undefined {
  const [, disk, partition] = /^d(\d+)p(\d+)$/.exec(vdev) ?? [];
  if (disk !== undefined) return numberOf("xvd", Number(disk), Number(partition));
  return /^(0x[\da-f]+|\d+)$/i.test(vdev) ? Number(vdev) : undefined;
}
