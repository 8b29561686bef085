import type { PluginPart } from "../../plugin-loader/index.js";
import { defineCommand } from "../command-spec.js";
import { formatTable } from "../render/table.js";

export const plugins = defineCommand({
  name: "plugins",
  group: "domsnap",
  summary: "list what is loaded, and from where",
  description:
    "Disk backends, toolstacks (by the scheme of their URIs), sources of imports and formats of\n" +
    "exports: those that come with domsnap, and those of the plugins that the configuration and\n" +
    "--plugin name.",
  options: [],
  examples: [
    {
      line: "domsnap --plugin ./my-backend.mjs plugins",
      summary: "See whether a plugin can be loaded, and what it adds.",
    },
  ],
  changes: false,
  async run(context) {
    const parts = await context.plugins();
    const header = ["Kind", "Id", "From", "Summary"];
    return {
      text: formatTable(context.quiet ? undefined : header, parts.map(rowOf)),
      data: { plugins: parts.map(({ file, ...part }) => ({ ...part, from: file ?? "built-in" })) },
    };
  },
});

function rowOf({ kind, id, file, summary }: PluginPart): string[] {
  return [kind.replace("-", " "), id, file ?? "built-in", summary ?? "-"];
}
