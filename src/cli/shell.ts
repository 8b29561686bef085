import { createInterface } from "node:readline/promises";
import { EXIT } from "../core/errors/index.js";
import type { CommandSpec } from "./command-spec.js";
import { completeLine } from "./complete-line.js";
import { parseCommands } from "./grammar/parse-commands.js";
import { tokenizeText } from "./grammar/tokenizer.js";
import type { CliStreams } from "./io.js";
import type { Outcome, Session } from "./session.js";

const WELCOME = `Welcome to domsnap, the domain snapshot interactive terminal.

Type:  'help' for help with commands
       'quit' to quit

`;

/** Reads commands from a terminal until `quit` or the end of input; the status is 0, as virsh's. */
export async function runShell(
  session: Session,
  { stdin, stdout }: CliStreams,
  table: readonly CommandSpec[],
): Promise<number> {
  stdout.write(WELCOME);
  const terminal = createInterface({
    input: stdin,
    output: stdout as unknown as NodeJS.WritableStream,
    terminal: true,
    prompt: "domsnap # ",
    completer: async (line: string): Promise<[string[], string]> => {
      const completion = await completeLine(line, table, (spec) => session.service(spec));
      const [[only, ...others], partial] = completion;
      // As bash does: what is complete is followed by a blank.
      return only !== undefined && others.length === 0 ? [[`${only} `], partial] : completion;
    },
  });
  session.ask = async (question) => {
    stdin.setRawMode?.(true);
    try {
      return await terminal.question(question);
    } finally {
      stdin.setRawMode?.(false);
    }
  };
  terminal.on("SIGINT", () => {
    // Ctrl-C throws the line away: to its end, and kill it.
    terminal.write(null, { ctrl: true, name: "e" });
    terminal.write(null, { ctrl: true, name: "u" });
    stdout.write("^C\n");
    terminal.prompt();
  });
  terminal.prompt();
  for await (const line of terminal) {
    // A running command has the terminal as a shell would leave it, so that Ctrl-C is a signal.
    terminal.pause();
    stdin.setRawMode?.(false);
    const { quit } = await runLine(session, line, table);
    if (quit) break;
    stdin.setRawMode?.(true);
    terminal.prompt();
  }
  terminal.close();
  return EXIT.ok;
}

/**
 * Runs commands from a file or a pipe, line by line: what is wrong in one line does not keep the
 * lines before it from running. Unlike virsh it prints neither a welcome nor prompts.
 */
export async function runScript(
  session: Session,
  { stdin }: CliStreams,
  table: readonly CommandSpec[],
): Promise<number> {
  const lines = createInterface({ input: stdin, terminal: false, crlfDelay: Infinity });
  let outcome: Outcome = { status: EXIT.ok, quit: false };
  for await (const line of lines) {
    outcome = await runLine(session, line, table, outcome);
    if (outcome.quit || outcome.status === EXIT.interrupted) break;
  }
  lines.close();
  return outcome.status;
}

/** An empty line or a comment leaves the outcome as it was. */
async function runLine(
  session: Session,
  line: string,
  table: readonly CommandSpec[],
  before: Outcome = { status: EXIT.ok, quit: false },
): Promise<Outcome> {
  try {
    const commands = parseCommands(tokenizeText(line), table);
    return commands.length > 0 ? await session.runAll(commands) : before;
  } catch (thrown) {
    return { status: session.report(thrown), quit: false };
  }
}
