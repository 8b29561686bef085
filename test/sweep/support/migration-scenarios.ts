import type { DiskForm } from "./disk-kinds.js";
import { playOn } from "./play.js";
import type { Scenario } from "./scenarios.js";
import type { SweepGuest } from "./sweep-guest.js";

const FORGET_FIRST = ["snapshot-delete", "guest", "s1", "--metadata"];

/** What comes in from others, and what goes out to them. */
export function migrationScenarios(forms: readonly DiskForm[]): Scenario[] {
  const { disks, chain } = playOn(forms);
  /** Snapshots that nobody has recorded, and a source that tells of them. */
  const forgotten = (documents: string, ...format: string[]) => ({
    disks,
    async prepare(guest: SweepGuest) {
      await chain(guest, 2);
      guest.must("export", "guest", guest.source, ...format);
      forget(guest);
    },
    command: (guest: SweepGuest) => ["import", guest.source],
    // A snapshot whose images cannot be looked at is left out, and the exit status tells.
    between: [
      (guest: SweepGuest) => [["import", `${guest.source}/${documents}1.xml`]],
      (guest: SweepGuest) => [["import", guest.source], FORGET_FIRST],
    ],
  });
  const known = {
    disks,
    prepare: (guest: SweepGuest) => chain(guest, 2),
    repeats: true,
  };
  return [
    { name: "import from libvirt's files", ...forgotten("s", "--to", "libvirt") },
    { name: "import from a bundle", ...forgotten("snapshots/000", "--to", "bundle") },
    {
      name: "import from a bundle, with the definition",
      ...forgotten("snapshots/000", "--to", "bundle"),
      async prepare(guest) {
        await forgotten("", "--to", "bundle").prepare(guest);
        guest.must("undefine", "guest");
      },
      command: (guest) => ["import", guest.source, "--define"],
      between: [
        (guest) => [["define", `${guest.source}/domain.xml`]],
        (guest) => [
          ["define", `${guest.source}/domain.xml`],
          ["import", `${guest.source}/snapshots/0001.xml`],
        ],
        (guest) => [["import", guest.source, "--define"], FORGET_FIRST],
      ],
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
