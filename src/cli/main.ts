import type { Configuration } from "../config/configuration.js";
import { readConfiguration } from "../config/read-configuration.js";
import { EXIT } from "../core/errors/index.js";
import type { ServiceOptions } from "../core/operations/shared/results.js";
import { errnoOf, strerror } from "../host/system-error.js";
import type { ImportModule, PluginRequest } from "../plugin-loader/index.js";
import type { TextOutput } from "./io.js";
import { openOutput } from "./plain-output.js";
import { runCli } from "./run-cli.js";
import type { PluginSet } from "./plugin-set.js";

/** What only the program that starts this one can do. */
export interface Starter {
  /** `import()`, which the parts of the bundle do not have. */
  readonly importModule: ImportModule;
}

/** The program: runs the command line of this process and sets its exit status. */
export async function main(starter: Starter): Promise<void> {
  // Should nothing be left to wait for in the middle of it.
  process.exitCode = EXIT.failed;
  process.exitCode = await runCli({
    argv: process.argv.slice(2),
    // Touching it loads the stream machinery; most commands never read it.
    get stdin() {
      return process.stdin;
    },
    stdout: openOutput(1, standardOutput),
    stderr: openOutput(2, () => process.stderr),
    env: process.env,
    loadPlugins: (named) => loadPlugins(named, starter),
    signals: process,
    exit: (status) => process.exit(status),
  });
}

/** The container is loaded only when a command needs a connection, so that help comes at once. */
async function loadPlugins(
  named: readonly string[],
  { importModule }: Starter,
): Promise<PluginSet> {
  const configuration = await readConfiguration(process.env);
  const requests = [...configuration.plugins, ...named.map(fromCommandLine)];
  const { addOutsidePlugins, builtInParts, createContainer, openSnapshotService } =
    await import("../container.js");
  const container = createContainer();
  const added =
    requests.length > 0 ? await addOutsidePlugins(container, requests, importModule) : [];
  return {
    openService: (uri) => openSnapshotService(uri, container, optionsFor(uri, configuration)),
    list: async () => [...(await builtInParts()), ...added],
  };
}

function optionsFor(uri: string, { backendFor, trustedFolders }: Configuration): ServiceOptions {
  const backend = backendFor(uri);
  return { trustedFolders, ...(backend === undefined ? {} : { backends: { default: backend } }) };
}

function fromCommandLine(specifier: string): PluginRequest {
  return { specifier, folder: process.cwd() };
}

function standardOutput(): TextOutput {
  const { stdout } = process;
  if (stdout.listenerCount("error") === 0)
    // A reader that stops early (`| head`) is no failure of ours.
    stdout.on("error", (error) => {
      if (errnoOf(error) === "EPIPE") process.exit(EXIT.ok);
      process.stderr.write(`error: the output cannot be written: ${strerror(error)}\n`);
      process.exit(EXIT.failed);
    });
  return stdout;
}
