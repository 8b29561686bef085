import { spawnSync } from "node:child_process";
import { DomsnapError } from "../../core/errors/index.js";
import { usageError } from "../command-error.js";
import type { BoolOption, CommandArguments, TextOption } from "../grammar/command-arguments.js";

/** The document, or with `--xpath` what the expression matches. Throws `tool-missing`. */
export function selectXml(
  xml: string,
  args: CommandArguments<TextOption<"xpath"> | BoolOption<"wrap">>,
): string {
  const expression = args.text("xpath");
  if (expression === undefined) return xml;
  const nodes = outdent(evaluateXpath(xml, expression));
  if (!args.has("wrap")) return nodes;
  return nodes === "" ? "<nodes/>\n" : `<nodes>\n${nodes.replace(/^(?=.)/gm, "  ")}</nodes>\n`;
}

/** xmllint's status for a failing expression and for one that matches nothing. */
const NOTHING = 10;

/**
 * Evaluates with libxml2's own `xmllint`, so that every corner is as in virsh. Gives each node on
 * lines of its own, in the indentation that it has in the document.
 */
function evaluateXpath(xml: string, expression: string): string {
  // United with an empty set of nodes, an expression that gives no nodes is an error, as in virsh.
  const { status, stdout, stderr } = runXmllint(xml, `(${expression})|/..`);
  if (status === 0) return stdout;
  if (status === NOTHING && stderr.includes("XPath set is empty")) return "";
  if (stderr.includes("Invalid type"))
    throw new DomsnapError("internal-error", `Incorrect xpath '${expression}'`);
  if (stderr.includes("XPath error")) throw usageError(`Invalid XPath expression: ${expression}`);
  throw new DomsnapError("tool-failed", `xmllint: ${stderr.trim()}`);
}

function runXmllint(xml: string, expression: string) {
  const result = spawnSync("xmllint", ["--nonet", "--xpath", expression, "-"], {
    input: xml,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
    maxBuffer: 64 * 1024 * 1024,
  });
  // One that finds fault with the expression before it has read everything is no error.
  if (result.status === null)
    throw new DomsnapError("tool-missing", "--xpath needs 'xmllint'", {
      cause: result.error,
      hint: "Install the package libxml2-utils.",
    });
  return result;
}

/** Moves nodes, whose first line begins at column 0, with all of their lines to the left. */
function outdent(nodes: string): string {
  const lines = nodes.split("\n");
  let excess = 0;
  return lines
    .map((line, at) => {
      if (!/^ *</.test(line)) return line;
      if (line.startsWith("<")) {
        excess = indentOfEnd(lines, at);
        return line;
      }
      return line.slice(excess);
    })
    .join("\n");
}

/** How far the last line of the node that begins at `start` is indented. */
function indentOfEnd(lines: readonly string[], start: number): number {
  const inner = lines.slice(start + 1);
  const next = inner.findIndex((line) => line.startsWith("<"));
  if (inner[next]?.startsWith("</")) return 0;
  const indents = inner
    .slice(0, next < 0 ? undefined : next)
    .filter((line) => /^ +</.test(line))
    .map((line) => line.search("<"));
  return Math.min(...indents, Number.MAX_SAFE_INTEGER);
}
