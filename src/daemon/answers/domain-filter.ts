import { isActive, type Domain } from "../../core/model/index.js";

/** libvirt's bits of virConnectListAllDomains. */
const BIT = {
  ...{ active: 0x1, inactive: 0x2 },
  ...{ persistent: 0x4, transient: 0x8 },
  ...{ running: 0x10, paused: 0x20, shutoff: 0x40, other: 0x80 },
  ...{ managedSave: 0x100, noManagedSave: 0x200 },
  ...{ autostart: 0x400, noAutostart: 0x800 },
  ...{ snapshots: 0x1000, noSnapshots: 0x2000 },
  ...{ checkpoints: 0x4000, noCheckpoints: 0x8000 },
} as const;

/** All bits that there are. */
export const DOMAIN_FILTER_BITS = Object.values(BIT).reduce((sum, bit) => sum | bit, 0);

/**
 * The domains that a filter lets through. Bits come in groups: none or all of a group let everything
 * through. Domains are asked for their snapshots only where that matters.
 */
export async function filterDomains(
  domains: readonly Domain[],
  flags: number,
  hasSnapshots: (domain: Domain) => Promise<boolean>,
): Promise<Domain[]> {
  const groups = GROUPS.filter((group) => isChoosing(flags, group));
  const wanted = domains.filter((domain) =>
    groups.every((group) => (group.bitOf(domain) & flags) !== 0),
  );
  if (!isChoosing(flags, { bits: BIT.snapshots | BIT.noSnapshots })) return wanted;
  const answers = await Promise.all(wanted.map(hasSnapshots));
  const expected = (flags & BIT.snapshots) !== 0;
  return wanted.filter((_domain, index) => answers[index] === expected);
}

interface Group {
  readonly bits: number;
  readonly bitOf: (domain: Domain) => number;
}

const GROUPS: readonly Group[] = [
  {
    bits: BIT.active | BIT.inactive,
    bitOf: (domain) => (isActive(domain) ? BIT.active : BIT.inactive),
  },
  {
    bits: BIT.persistent | BIT.transient,
    bitOf: ({ persistent }) => (persistent ? BIT.persistent : BIT.transient),
  },
  {
    bits: BIT.running | BIT.paused | BIT.shutoff | BIT.other,
    bitOf: ({ state }) =>
      state === "running" || state === "paused" || state === "shutoff" ? BIT[state] : BIT.other,
  },
  // There is no managed save, no autostart and no checkpoint here.
  { bits: BIT.managedSave | BIT.noManagedSave, bitOf: () => BIT.noManagedSave },
  { bits: BIT.autostart | BIT.noAutostart, bitOf: () => BIT.noAutostart },
  { bits: BIT.checkpoints | BIT.noCheckpoints, bitOf: () => BIT.noCheckpoints },
];

function isChoosing(flags: number, { bits }: Pick<Group, "bits">): boolean {
  return (flags & bits) !== 0 && (flags & bits) !== bits;
}
