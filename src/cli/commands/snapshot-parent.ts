import { asDomsnapError } from "../../core/errors/index.js";
import { CommandError } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { bool, DOMAIN, SNAPSHOT_NAME } from "./common-options.js";
import { findSnapshot } from "./snapshot-argument.js";

export const snapshotParent = defineCommand({
  name: "snapshot-parent",
  group: "snapshot",
  summary: "print the name of a snapshot's parent",
  options: [DOMAIN, SNAPSHOT_NAME, bool("current", "of the current snapshot")],
  changes: false,
  async run(context) {
    const domain = await context.identity();
    const name = await findSnapshot(context, domain);
    try {
      const parent = await (await context.service()).parent(domain.uuid, name);
      return { text: parent, data: { name, parent } };
    } catch (thrown) {
      const reason = asDomsnapError(thrown);
      if (reason.code !== "no-domain-snapshot") throw reason;
      throw new CommandError([`snapshot '${name}' has no parent`], reason);
    }
  },
});
