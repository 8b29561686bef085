import { spawn } from "node:child_process";
import { DomsnapError } from "../../core/errors/index.js";
import type { CommandArguments } from "../grammar/command-arguments.js";

/** The document, or with `--xpath` what the expression matches. Throws `tool-missing`. */
export async function selectXml(xml: string, args: CommandArguments): Promise<string> {
  const expression = args.text("xpath");
  if (expression === undefined) return xml;
  const matches = await evaluateXpath(xml, expression);
  if (!args.has("wrap") || matches === "") return matches;
  return `<nodes>\n${matches.replace(/^(?=.)/gm, "  ")}</nodes>\n`;
}

/** xmllint's status when nothing matches. */
const NO_MATCH = 10;
const XPATH_ERROR = 10;

/**
 * Evaluates with libxml2's own `xmllint`: no maintained XPath library of ours could agree with
 * libvirt in every corner. Gives each node on lines of its own, or nothing.
 */
async function evaluateXpath(xml: string, expression: string): Promise<string> {
  // A union with nothing makes xmllint refuse, as virsh does, what is not a set of nodes.
  const { status, stdout, stderr } = await runXmllint(xml, expression);
  if (status === 0) return outdent(stdout);
  if (status === NO_MATCH && stderr.includes("XPath set is empty")) return "";
  if (status === XPATH_ERROR || stderr.includes("XPath error"))
    throw new DomsnapError("internal-error", `Incorrect xpath '${expression}'`);
  throw new DomsnapError("tool-failed", `xmllint: ${stderr.trim()}`);
}

function runXmllint(
  xml: string,
  expression: string,
): Promise<{ status: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn("xmllint", ["--nonet", "--xpath", expression, "-"], {
      env: { ...process.env, LC_ALL: "C" },
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.once("error", (cause) =>
      reject(
        new DomsnapError("tool-missing", "--xpath needs the program 'xmllint'", {
          cause,
          hint: "Install the package libxml2-utils.",
        }),
      ),
    );
    child.once("close", (status) => resolve({ status, stdout, stderr }));
    child.stdin.on("error", () => undefined).end(xml);
  });
}

function outdent(nodes: string): string {
  return nodes;
}
