import { findForms, imagesOfFormat, type DiskForm, type DiskKind } from "./disk-kinds.js";
import { SweepGuest } from "./sweep-guest.js";

/** One command to sweep, and the guest that it is run on. */
export interface Scenario {
  readonly name: string;
  readonly disks: readonly DiskKind[];
  /** Brings the guest into the state before. */
  prepare(guest: SweepGuest): Promise<void>;
  command(guest: SweepGuest): string[];
  /**
   * Commands that lead to the states between, for a command that is made of several whole steps.
   */
  readonly steps?: readonly ((guest: SweepGuest) => string[])[];
}

/** Every operation on every form of snapshot that an installed backend can make, and on mixes. */
export async function allScenarios(folder: string): Promise<Scenario[]> {
  const forms = await findForms((kind) =>
    imagesOfFormat(kind.format).makeImage(
      `${folder}/${kind.driver}.${kind.format}`,
      kind.format,
      Buffer.alloc(64 * 1024, 1),
    ),
  );
  const byName = new Map(forms.map((form) => [form.text, form]));
  const mix = (...names: string[]) => names.map((name) => known(byName, name));
  const mixes = [
    mix("dd raw external raw", "qdisk qcow2 internal"),
    mix("dd raw external raw", "qdisk qcow2 external qcow2", "blktap vhd external vhd"),
  ];
  return [...forms.map((form) => [form]), ...mixes].flatMap(scenariosOf);
}

function known(forms: ReadonlyMap<string, DiskForm>, name: string): DiskForm {
  const form = forms.get(name);
  if (!form)
    throw new Error(`no backend takes '${name}'; there are: ${[...forms.keys()].join(", ")}`);
  return form;
}

function scenariosOf(forms: readonly DiskForm[]): Scenario[] {
  const disks = forms.map(({ kind }) => kind);
  const document = (name: string) => (guest: SweepGuest) => [
    "snapshot-create",
    "guest",
    guest.document(name, forms.map((form, at) => form.document(SweepGuest.target(at))).join("")),
  ];
  const take = async (guest: SweepGuest, name: string, byte: number) => {
    guest.must(...document(name)(guest));
    await guest.write(byte);
  };
  const title = forms.map(({ text }) => text).join(" + ");
  const chain = async (guest: SweepGuest, length: number) => {
    for (let at = 1; at <= length; at++) await take(guest, `s${at}`, 100 + at);
  };
  return [
    {
      name: `create: ${title}`,
      disks,
      prepare: (guest) => chain(guest, 1),
      command: document("s2"),
    },
    {
      name: `revert: ${title}`,
      disks,
      prepare: (guest) => chain(guest, 1),
      command: () => ["snapshot-revert", "guest", "s1"],
    },
    {
      name: `delete the last: ${title}`,
      disks,
      prepare: (guest) => chain(guest, 2),
      command: () => ["snapshot-delete", "guest", "s2"],
    },
    {
      name: `delete the first of three: ${title}`,
      disks,
      prepare: (guest) => chain(guest, 3),
      command: () => ["snapshot-delete", "guest", "s1"],
    },
  ];
}
