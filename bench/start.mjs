import { CLI, defineGuest, withFolder } from "./lib/domain-folder.mjs";
import { toolVersion } from "./lib/machine.mjs";
import { compare, interleave, program } from "./lib/measure.mjs";

const BASE = "node -e 0";
const GOAL = 1.4;

/** How long a command takes that has nothing to do, against Node that has nothing to do. */
export function benchStart({ rounds = 21 } = {}) {
  return withFolder(async (folder) => {
    const uri = defineGuest(folder);
    const virsh = toolVersion("virsh");
    const domsnap = (...args) => program(process.execPath, [CLI, ...args]);
    const times = await interleave(
      {
        [BASE]: program(process.execPath, ["-e", "0"]),
        "domsnap --version": domsnap("--version"),
        "domsnap help": domsnap("help"),
        "domsnap snapshot-list (empty)": domsnap("-c", uri, "snapshot-list", "guest"),
        ...(virsh && {
          "virsh snapshot-list (empty)": program("virsh", [
            ...["-c", "test:///default"],
            ...["snapshot-list", "test"],
          ]),
        }),
      },
      rounds,
    );
    const rows = Object.entries(times)
      .filter(([subject]) => subject !== BASE)
      .map(([subject, own]) =>
        compare(subject, own, BASE, times[BASE], subject.startsWith("domsnap") ? GOAL : undefined),
      );
    return {
      title: "start: a command with nothing to do",
      rounds,
      peers: [`node ${process.versions.node}`, virsh ? `virsh ${virsh}` : "virsh is not installed"],
      rows,
      notes: [
        "Node itself takes longer to start than virsh; several commands can share one start.",
      ],
    };
  });
}
