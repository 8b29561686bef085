import { underHeadline } from "../command-error.js";
import { defineCommand } from "../command-spec.js";
import { changeOutput } from "./change-output.js";
import { bool, DOMAIN } from "./common-options.js";

export const undefine = defineCommand({
  name: "undefine",
  group: "domain",
  summary: "remove the definition of a domain",
  description: "Images are never touched. A domain with snapshots needs --snapshots-metadata.",
  options: [DOMAIN, bool("snapshots-metadata", "also remove the records of all of its snapshots")],
  changes: true,
  async run(context) {
    const domain = await context.domain();
    const typed = context.args.requiredText("domain");
    const service = await context.service();
    const result = await underHeadline(`Failed to undefine domain '${typed}'`, () =>
      service.undefine(domain.uuid, {
        ...context.changeOptions(),
        snapshotsMetadata: context.args.has("snapshots-metadata"),
      }),
    );
    return changeOutput(result, `Domain '${typed}' has been undefined\n`, {});
  },
});
