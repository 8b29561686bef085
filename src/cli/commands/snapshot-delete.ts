import { underHeadline } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { changeOutput } from "./change-output.js";
import { bool, DOMAIN, SNAPSHOT_NAME } from "./common-options.js";
import { findSnapshot } from "./snapshot-argument.js";

export const snapshotDelete = defineCommand({
  name: "snapshot-delete",
  group: "snapshot",
  summary: "delete a snapshot",
  description:
    "Deletes a snapshot with what it holds of the disks and the memory. Its children stay and\n" +
    "become children of its parent.",
  options: [
    DOMAIN,
    SNAPSHOT_NAME,
    bool("current", "delete the current snapshot"),
    bool("children", "delete the snapshot and all below it"),
    bool("children-only", "delete all below the snapshot, not itself"),
    bool("metadata", "delete the record only, leave the images as they are"),
  ],
  examples: [
    { line: "domsnap snapshot-delete vm1 s1", summary: "Delete one snapshot." },
    {
      line: "domsnap snapshot-delete vm1 s1 --children --dry-run",
      summary: "Print what deleting it with all below it would do.",
    },
  ],
  changes: true,
  async run(context) {
    const domain = await context.identity();
    const name = await findSnapshot(context, domain);
    const flags = context.args.flags({
      children: "children",
      "children-only": "childrenOnly",
      metadata: "metadataOnly",
    });
    const service = await context.service();
    const result = await underHeadline(`Failed to delete snapshot ${name}`, () =>
      service.delete(domain.uuid, name, flags, context.changeOptions()),
    );
    const what = flags.childrenOnly ? `${name} children` : name;
    return changeOutput(result, `Domain snapshot ${what} deleted\n`, { name });
  },
});
