import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { patience } from "../../../scripts/test-run/patience.cjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const server = join(root, "test", "sweep", "support", "serve-program.cjs");
/** The program that is tested. */
export const program = process.env["DOMSNAP_PROGRAM"] ?? join(root, "bin", "domsnap.cjs");

/** A command that hangs is a failure of its own. */
const LONGEST_RUN_MS = 120_000;

export interface Run {
  /** Missing when the program was killed. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program, one command at a time, in a process that lasts until a fault kills it. */
export class ProgramServer {
  #child: ChildProcess | undefined;

  constructor(private readonly programOf = () => program) {}

  run(args: readonly string[], fault?: string): Promise<Run> {
    const child = (this.#child ??= startServer(this.programOf()));
    return new Promise((resolve) => {
      const deadline = setTimeout(() => child.kill("SIGKILL"), patience(LONGEST_RUN_MS));
      const finish = ({ isLast, ...run }: Run & { readonly isLast: boolean }) => {
        clearTimeout(deadline);
        child.removeAllListeners();
        if (isLast) this.stop();
        resolve(run);
      };
      child.once("message", finish);
      child.once("exit", (status) => {
        finish({ status: status ?? undefined, stdout: "", stderr: "", isLast: true });
      });
      child.send({ args, fault });
    });
  }

  stop(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
  }
}

/** What the program is told by its environment. */
export function programEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, NO_COLOR: "1", EDITOR: "sed -i s/before/after/" };
}

function startServer(path: string): ChildProcess {
  return fork(server, [path], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    execArgv: [],
    env: programEnvironment(),
  });
}
