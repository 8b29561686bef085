import { findForms, imagesOfFormat, type DiskForm, type DiskKind } from "./disk-kinds.js";
import { migrationScenarios } from "./migration-scenarios.js";
import { playOn } from "./play.js";
import { recordScenarios } from "./record-scenarios.js";
import type { SweepGuest } from "./sweep-guest.js";

/** One command to sweep, and the guest that it is run on. */
export interface Scenario {
  readonly name: string;
  readonly disks: readonly DiskKind[];
  /** Brings the guest into the state before. */
  prepare(guest: SweepGuest): Promise<void>;
  command(guest: SweepGuest): string[];
  /**
   * For a command that is made of several whole steps: lists of commands, each of which leads from
   * the state before to a state that an interrupted or refused command may end in.
   */
  readonly between?: readonly ((guest: SweepGuest) => readonly string[][])[];
  /**
   * The command has no journal: it writes into `SweepGuest.output`, or one definition. What was
   * interrupted is simply repeated, and has to be complete then.
   */
  readonly repeats?: boolean;
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
  const ofForms = [...forms.map((form) => [form]), ...mixes].flatMap(scenariosOf);
  const ofMixes = mixes.flatMap(scenariosOf);
  return [
    ...ofForms,
    ...recordScenarios(mix("dd raw external raw", "qdisk qcow2 internal")),
    ...migrationScenarios(mix("qdisk qcow2 external qcow2", "qdisk qcow2 internal")),
    ...ofMixes.flatMap((scenario) => [0.5, 0.85].map((part) => recoveryOf(scenario, part))),
  ];
}

function known(forms: ReadonlyMap<string, DiskForm>, name: string): DiskForm {
  const form = forms.get(name);
  if (!form)
    throw new Error(`no backend takes '${name}'; there are: ${[...forms.keys()].join(", ")}`);
  return form;
}

function scenariosOf(forms: readonly DiskForm[]): Scenario[] {
  const { disks, document, chain } = playOn(forms);
  const title = forms.map(({ text }) => text).join(" + ");
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

/** Recovery is interrupted in its turn: after a command was killed when a part of it was done. */
function recoveryOf(scenario: Scenario, part: number): Scenario {
  return {
    name: `recover after ${part * 100} % of ${scenario.name}`,
    disks: scenario.disks,
    async prepare(guest) {
      await scenario.prepare(guest);
      guest.save();
      const { length } = await guest.points(scenario.command(guest));
      guest.restore();
      await guest.runAmid(`${Math.floor(length * part)}:kill`, scenario.command(guest));
      if (!guest.hasJournal()) throw new Error(`${scenario.name} was not interrupted`);
    },
    command: () => ["recover"],
  };
}
