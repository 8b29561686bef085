import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What one command of real virsh said: its output, or its error without the prefix. */
export interface VirshAnswer {
  readonly output: string;
  readonly error?: string;
}

/**
 * Runs commands in one process of virsh on libvirt's test driver and tells what each one said.
 * `@0`, `@1`... in a command stand for files with the given documents. Throws without virsh.
 */
export function askVirsh(
  commands: readonly string[],
  documents: readonly string[] = [],
): VirshAnswer[] {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-virsh-"));
  try {
    const files = documents.map((text, index) => {
      const file = join(folder, `${index}.xml`);
      writeFileSync(file, text);
      return file;
    });
    const lines = commands.map((command) =>
      command.replace(/@(\d+)/g, (_, index: string) => files[Number(index)] ?? ""),
    );
    const script = lines.flatMap((line) => [line, `echo ${MARK}`, `echo --err ${MARK}`]);
    const { stdout, stderr, error } = spawnSync(
      "virsh",
      ["-q", "-c", "test:///default", script.join("; ")],
      { encoding: "utf8" },
    );
    if (error) throw error;
    const outputs = stdout.split(MARK_LINE);
    const errors = stderr.replace(LOG_LINE, "").split(MARK_LINE);
    if (outputs.length !== commands.length + 1) throw new Error(`virsh said: ${stdout}${stderr}`);
    return commands.map((_, index) => toAnswer(outputs[index] ?? "", errors[index] ?? ""));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** libvirt logs on the same stream. */
const LOG_LINE = /^\d{4}-\d\d-\d\d .*: (?:info|warning) : .*\n/gm;
const MARK = "----domsnap----";
const MARK_LINE = /(?:error: )?----domsnap----\n*/;

function toAnswer(output: string, error: string): VirshAnswer {
  if (error === "") return { output };
  return { output, error: error.replace(/^error: /, "").trimEnd() };
}
