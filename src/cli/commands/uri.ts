import type { CommandSpec } from "../command-spec.js";

export const uri: CommandSpec = {
  name: "uri",
  group: "host",
  summary: "print the URI of the connection",
  options: [],
  changes: false,
  async run({ service }) {
    const { uri } = await service();
    return { text: `${uri}\n`, data: { uri } };
  },
};
