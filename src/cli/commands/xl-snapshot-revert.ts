import { defineCommand } from "../command-spec.js";
import { underHeadline } from "../command-error.js";
import { bool } from "./common-options.js";
import { changeOutput } from "./change-output.js";
import { revertWithForce } from "./snapshot-revert.js";
import { XL_COMMAND, XL_DOMAIN, XL_SNAPSHOT } from "./xl-options.js";

export const xlSnapshotRevert = defineCommand({
  ...XL_COMMAND,
  name: "xl snapshot-revert",
  summary: "revert a domain to a snapshot",
  description:
    "Brings disks and memory back to what they were. The domain keeps its name and uuid and gets\n" +
    "another id. What was written since then, and is not in a snapshot itself, is lost.",
  options: [
    XL_DOMAIN,
    { ...XL_SNAPSHOT, required: true },
    { ...bool("paused", "leave the domain paused afterwards"), short: "p" },
    bool("force", "also do what is risky"),
  ],
  examples: [
    { line: "domsnap xl snapshot-revert -n s1 vm1", summary: "Go back to snapshot s1." },
    {
      line: "domsnap xl snapshot-revert -n s1 --dry-run vm1",
      summary: "Print what it would do.",
    },
  ],
  changes: true,
  async run(context) {
    const domain = await context.domain();
    const name = context.args.requiredText("name");
    const result = await underHeadline(`Failed to revert snapshot ${name}`, () =>
      revertWithForce(context, domain, name, context.args.flags({ paused: "paused" })),
    );
    return changeOutput(result, `Domain snapshot ${name} reverted\n`, { name });
  },
});
