import { defineCommand } from "../command-spec.js";
import { formatVersion, VERSION } from "../version.js";

export const version = defineCommand({
  name: "version",
  group: "host",
  summary: "print the version",
  options: [],
  changes: false,
  run: ({ uri }) => ({
    text: `${formatVersion("long")}Connection: ${uri}\n`,
    data: { version: VERSION, node: process.versions.node, uri },
  }),
});
