import { escapeText } from "../../xml/writer.js";
import { defineCommand } from "../command-spec.js";
import { bool } from "./common-options.js";

export const echo = defineCommand({
  name: "echo",
  group: "domsnap",
  summary: "print arguments",
  options: [
    bool("shell", "quote for a shell"),
    bool("xml", "escape for XML"),
    { name: "string", kind: "argv", summary: "arguments to print" },
  ],
  changes: false,
  run({ args }) {
    args.assertExclusive("shell", "xml");
    const words = args.list("string");
    const text = words
      .map((word) => (args.has("shell") ? quote(word) : args.has("xml") ? escapeText(word) : word))
      .join(" ");
    return { text, data: { words } };
  },
});

/** As glib quotes: only what needs it, in single quotes. */
function quote(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'"'"'`)}'`;
}
