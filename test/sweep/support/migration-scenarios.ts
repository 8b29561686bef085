import type { DiskForm } from "./disk-kinds.js";
import { playOn } from "./play.js";
import type { Scenario } from "./scenarios.js";
import type { SweepGuest } from "./sweep-guest.js";

/** What comes in from others, and what goes out to them. */
export function migrationScenarios(forms: readonly DiskForm[]): Scenario[] {
  const { disks, chain } = playOn(forms);
  /** Snapshots that nobody has recorded, and a source that tells of them. */
  const forgotten = (...format: string[]) => ({
    disks,
    async prepare(guest: SweepGuest) {
      await chain(guest, 2);
      guest.must("export", "guest", guest.source, ...format);
      forget(guest);
    },
    command: (guest: SweepGuest) => ["import", guest.source],
  });
  const known = {
    disks,
    prepare: (guest: SweepGuest) => chain(guest, 2),
    repeats: true,
  };
  return [
    { name: "import from libvirt's files", ...forgotten("--to", "libvirt") },
    { name: "import from a bundle", ...forgotten("--to", "bundle") },
    {
      name: "import from a bundle, with the definition",
      ...forgotten("--to", "bundle"),
      async prepare(guest) {
        await forgotten("--to", "bundle").prepare(guest);
        guest.must("undefine", "guest");
      },
      command: (guest) => ["import", guest.source, "--define"],
      // Killed right after the domain was defined.
      between: [(guest) => [["define", `${guest.source}/domain.xml`]]],
    },
    importOfImages(forms.filter(({ mode }) => mode === "internal")),
    ...["libvirt", "redefine", "bundle"].map((format) => ({
      name: `export as ${format}`,
      ...known,
      command: (guest: SweepGuest) => ["export", "guest", guest.output, "--to", format],
    })),
    {
      name: "export as bundle with images",
      ...known,
      command: (guest) => ["export", "guest", guest.output, "--images"],
    },
  ];
}

function forget(guest: SweepGuest): void {
  guest.must("snapshot-delete", "guest", "s1", "--children", "--metadata");
}

function importOfImages(forms: readonly DiskForm[]): Scenario {
  const { disks, chain } = playOn(forms);
  return {
    name: "import what the images hold",
    disks,
    async prepare(guest) {
      await chain(guest, 2);
      forget(guest);
    },
    command: () => ["import", "images", "--domain", "guest"],
  };
}
