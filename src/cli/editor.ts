import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DomsnapError } from "../core/errors/index.js";

/**
 * Lets the user change a text in $VISUAL, $EDITOR or vi; gives back what the editor left. The
 * variable is split at blanks and never given to a shell. The file, which may hold secrets, lies
 * in a folder for its owner alone and is removed. Throws `tool-failed`, `tool-missing`.
 */
export async function editText(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const folder = await mkdtemp(join(env["TMPDIR"] ?? tmpdir(), "domsnap-"));
  try {
    const file = join(folder, "snapshot.xml");
    await writeFile(file, text, { mode: 0o600 });
    runEditor([...editorCommand(env), file], env);
    return await readFile(file, "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function editorCommand(env: Readonly<Record<string, string | undefined>>): string[] {
  const words = (env["VISUAL"] ?? env["EDITOR"] ?? "").split(/[ \t]+/).filter(Boolean);
  return words.length > 0 ? words : ["vi"];
}

/** Blocks, so that nothing else reads from the terminal meanwhile. */
function runEditor(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): void {
  const [program = "vi", ...args] = command;
  const { error, status, signal } = spawnSync(program, args, { stdio: "inherit", env });
  if (error)
    throw new DomsnapError("tool-missing", `cannot run editor '${program}'`, { cause: error });
  if (status === 0) return;
  const outcome = signal === null ? `exit status ${status}` : `fatal signal ${signal}`;
  throw new DomsnapError(
    "tool-failed",
    `Child process (${command.join(" ")}) unexpected ${outcome}`,
  );
}
