import { join } from "node:path";

import { withFolder } from "./lib/domain-folder.mjs";
import { DomsnapGuest, ManualGuest, VirshGuest } from "./lib/live-guests.mjs";
import { toolVersion } from "./lib/machine.mjs";
import { compare } from "./lib/measure.mjs";

const BY_HAND = "QMP by hand";
const VIRSH = "virsh --live";
/** How much longer than with QEMU's bare commands a guest may be paused. */
const DOWNTIME_GOAL = { extraMs: 10 };
/** How long it may be paused, against libvirt. */
const LIBVIRT_GOAL = 0.25;

/** Snapshots with memory of running guests: how long they are paused, and how long it all takes. */
export async function benchLive({ rounds = 5 } = {}) {
  const rows = [];
  for (const disks of [1, 4, 16]) {
    const virsh = disks === 1 ? { virsh: VirshGuest } : {};
    const found = await measure(
      { domsnap: DomsnapGuest, manual: ManualGuest, ...virsh },
      disks,
      rounds,
    );
    const what = (kind) => `${kind}, memory and ${String(disks)} disk${disks === 1 ? "" : "s"}`;
    const { domsnap, manual } = found;
    rows.push(
      compare(what("downtime"), domsnap.downtimeMs, BY_HAND, manual.downtimeMs, DOWNTIME_GOAL),
      compare(what("wall"), domsnap.wallMs, BY_HAND, manual.wallMs),
    );
    if (found.virsh)
      rows.push(
        compare(what("downtime"), domsnap.downtimeMs, VIRSH, found.virsh.downtimeMs, LIBVIRT_GOAL),
        compare(what("wall"), domsnap.wallMs, VIRSH, found.virsh.wallMs),
      );
  }
  return {
    title:
      "live: snapshots with memory, in files, of a running guest (256 MiB, a writer in memory, TCG)",
    rounds,
    peers: [toolVersion("qemu-system-x86_64"), `virsh ${toolVersion("virsh")}`],
    rows,
    notes: [
      "Pause: from QEMU's event STOP to RESUME, by QEMU's own clock, for all alike.",
      "By hand: overlays are made and opened before; then stop, transaction, background migration.",
      "By hand nothing is flushed to the medium; domsnap and virsh end when all is.",
      "Wall: of domsnap and virsh the whole command; only domsnap's has the start of a program in it.",
    ],
  };
}

/** Guests of one kind each, in turn; those that are not measured are paused. */
async function measure(kinds, disks, rounds) {
  return withFolder(async (folder) => {
    const guests = {};
    const found = {};
    try {
      for (const [name, Guest] of Object.entries(kinds)) {
        guests[name] = new Guest(join(folder, name), disks);
        found[name] = { downtimeMs: [], wallMs: [] };
        await guests[name].start();
      }
      for (let round = -1; round < rounds; round++)
        for (const [name, guest] of Object.entries(guests)) {
          await guest.wake();
          const { downtimeMs, wallMs } = await guest.snapshot();
          await guest.rest();
          if (round < 0) continue;
          found[name].downtimeMs.push(downtimeMs);
          found[name].wallMs.push(wallMs);
        }
      return found;
    } finally {
      for (const guest of Object.values(guests)) await guest.close();
    }
  });
}
