import { join } from "node:path";

import type { DiskForm } from "./disk-kinds.js";
import { playOn } from "./play.js";
import type { Scenario } from "./scenarios.js";

/** Commands that change records, or several snapshots one after the other. */
export function recordScenarios(forms: readonly DiskForm[]): Scenario[] {
  const { disks, chain } = playOn(forms);
  const scenario = (name: string, ...command: string[]): Scenario => ({
    name,
    disks,
    prepare: (guest) => chain(guest, 2),
    command: () => command,
  });
  const remove = (name: string, ...flags: string[]) => ["snapshot-delete", "guest", name, ...flags];
  return [
    scenario("edit", "snapshot-edit", "guest", "s2"),
    scenario("set current", "snapshot-current", "guest", "s1"),
    scenario("delete the record only", ...remove("s1", "--metadata")),
    {
      ...scenario("delete with children", ...remove("s1", "--children")),
      between: [() => [remove("s2")]],
    },
    {
      ...scenario("redefine"),
      async prepare(guest) {
        await chain(guest, 2);
        const xml = guest.must("snapshot-dumpxml", "guest", "s1");
        guest.file("redefined", xml.replace(">before<", ">after<"));
      },
      command: ({ home }) => {
        const document = join(home, "redefined");
        return ["snapshot-create", "guest", document, "--redefine", "--current"];
      },
    },
    {
      ...scenario("prune", "prune", "guest", "--keep-last", "1", "--yes"),
      prepare: (guest) => chain(guest, 3, "label: nightly"),
      // One that cannot be deleted does not keep the others.
      between: [() => [remove("s2")], () => [remove("s1")]],
    },
    {
      ...scenario("undefine", "undefine", "guest", "--snapshots-metadata"),
      // First the records, all or none, and then the definition.
      between: [() => [remove("s1", "--children", "--metadata")]],
      repeats: true,
    },
    {
      ...scenario("define"),
      command: (guest) => ["define", guest.file("guest.defined", guest.domainXml("96"))],
      repeats: true,
    },
  ];
}
