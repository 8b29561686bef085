import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { patience } from "../../scripts/test-run/patience.cjs";
import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { readText } from "../../scripts/generate-docs.js";

const PROGRAM = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));

/** Stands between the outputs of two commands. */
const SEPARATOR = "=-=-= next command =-=-=";

interface Step {
  readonly command: string;
  readonly output: string;
}

/** The commands of the tour, each with what the README says that it prints. */
function tourSteps(): Step[] {
  const tour = /## Five minutes\n[^]*?(?=\n## )/.exec(readText("README.md"))?.[0] ?? "";
  const blocks = [...tour.matchAll(/```console\n([^]*?)```/g)].map(([, block]) => block ?? "");
  return blocks.flatMap((block) => block.split(/^\$ /m).slice(1)).map(toStep);
}

/** A command is one line, or all up to the end of its here-document. */
function toStep(text: string): Step {
  const [command = ""] = /^.*<<END\n[^]*?\nEND\n|^.*\n/.exec(text) ?? [];
  return { command, output: text.slice(command.length) };
}

/** Runs all commands in one shell, as a reader would, and gives the output of each. */
function play(steps: readonly Step[], folder: string): string[] {
  const commands = steps.map(({ command }) => `${command}printf '%s\\n' '${SEPARATOR}'\n`);
  const lines = [
    `domsnap() { '${process.execPath}' '${PROGRAM}' "$@"; }`,
    "exec 2>&1",
    ...commands,
  ];
  writeFileSync(join(folder, "tour.sh"), lines.join("\n"));
  const { stdout } = spawnSync("bash", ["tour.sh"], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  });
  return stdout.split(`${SEPARATOR}\n`).slice(0, -1);
}

/** Blanks at the end of lines and empty lines at the end of an output are not worth showing. */
function readable(output: string, folder = "/tmp"): string {
  return output
    .replaceAll(folder, "/tmp")
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, "TIME")
    .replace(/[ \t]+$/gm, "")
    .trimEnd();
}

describe("README", function () {
  this.timeout(patience(120_000));
  let folder: string;

  before(() => {
    ensureBuilt();
    folder = mkdtempSync(join(tmpdir(), "domsnap-tour-"));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it("shows a tour that goes exactly as it says", () => {
    const steps = tourSteps();
    expect(steps.length).to.be.greaterThan(12);
    const outputs = play(steps, folder);
    const shown = steps.map(({ command, output }) => ({ command, output: readable(output) }));
    const real = steps.map(({ command }, index) => ({
      command,
      output: readable(outputs[index] ?? "the shell ended", folder),
    }));
    expect(real).to.deep.equal(shown);
  });
});
