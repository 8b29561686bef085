import { defineCommand } from "../command-spec.js";

export const uri = defineCommand({
  name: "uri",
  group: "host",
  summary: "print the URI of the connection",
  options: [],
  changes: false,
  async run({ service }) {
    const { uri } = await service();
    return { text: `${uri}\n`, data: { uri } };
  },
});
