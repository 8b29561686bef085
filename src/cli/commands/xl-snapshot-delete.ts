import { underHeadline } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { changeOutput } from "./change-output.js";
import { XL_COMMAND, XL_DOMAIN, XL_SNAPSHOT } from "./xl-options.js";

export const xlSnapshotDelete = defineCommand({
  ...XL_COMMAND,
  name: "xl snapshot-delete",
  summary: "delete a snapshot",
  description:
    "Deletes the saved memory, what the snapshot holds of the disks, and its information file.\n" +
    "Internal and external snapshots go alike: an overlay is merged into the image below it. The\n" +
    "present content of the disks and all other snapshots stay.",
  options: [XL_DOMAIN, { ...XL_SNAPSHOT, required: true }],
  examples: [{ line: "domsnap xl snapshot-delete -n s1 vm1", summary: "Delete snapshot s1." }],
  changes: true,
  async run(context) {
    const domain = await context.domain();
    const service = await context.service();
    const name = context.args.requiredText("name");
    const result = await underHeadline(`Failed to delete snapshot ${name}`, () =>
      service.delete(domain.uuid, name, {}, context.changeOptions()),
    );
    return changeOutput(result, `Domain snapshot ${name} deleted\n`, { name });
  },
});
