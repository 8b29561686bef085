import "reflect-metadata";

import { runCli } from "../../../../src/cli/run-cli.js";
import { withoutPlugins } from "../../../cli/run-in-process.js";
import { openWithViews } from "./view-connection.js";

/** The command line, for the crash sweep of what a Xen connection writes. */
void runCli({
  argv: process.argv.slice(2),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  loadPlugins: withoutPlugins(openWithViews),
  signals: process,
  exit: (status) => process.exit(status),
}).then((status) => (process.exitCode = status));
