import { spawn } from "node:child_process";
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
    await runEditor([...editorCommand(env), file], env);
    return await readFile(file, "utf8");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function editorCommand(env: Readonly<Record<string, string | undefined>>): string[] {
  const words = (env["VISUAL"] ?? env["EDITOR"] ?? "").split(/[ \t]+/).filter(Boolean);
  return words.length > 0 ? words : ["vi"];
}

async function runEditor(
  command: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const [program = "vi", ...args] = command;
  const status = await new Promise<string>((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit", env });
    child.once("error", (cause) =>
      reject(new DomsnapError("tool-missing", `cannot run editor '${program}'`, { cause })),
    );
    child.once("exit", (code, signal) =>
      resolve(signal === null ? `exit status ${code}` : `fatal signal ${signal}`),
    );
  });
  if (status !== "exit status 0")
    throw new DomsnapError(
      "tool-failed",
      `Child process (${command.join(" ")}) unexpected ${status}`,
    );
}
