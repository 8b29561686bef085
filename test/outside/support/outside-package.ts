import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { ensureBuilt } from "../../../scripts/ensure-built.mjs";
import type { CliResult } from "../../e2e/support/run-domsnap.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const installedHere = join(root, "node_modules");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * A package of somebody else in a folder outside of this project, with domsnap installed for it as
 * npm would: what `npm pack` packs, and beside it what package.json says that it depends on.
 */
export class OutsidePackage {
  readonly folder = mkdtempSync(join(tmpdir(), "domsnap-outside-"));
  readonly program = join(this.folder, "node_modules", ".bin", "domsnap");

  /** `source`: the files of the package. */
  constructor(source: string) {
    cpSync(source, this.folder, { recursive: true });
    this.#installDomsnap();
    for (const name of ["chai", "mocha", "@types/node", "@types/mocha", "@types/chai"])
      this.#link(name, join(this.folder, "node_modules"));
    // A copy of its own, as where two packages do not agree on the version.
    for (const name of ["inversify", "@inversifyjs", "reflect-metadata"])
      cpSync(join(installedHere, name), join(this.folder, "node_modules", name), {
        recursive: true,
      });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  /** Gives what the compiler has against it. */
  compile(): string {
    const { stdout } = spawnSync("npx", ["--no-install", "tsc", "-p", this.folder], {
      cwd: root,
      encoding: "utf8",
    });
    return stdout;
  }

  /** Runs a file of tests and gives mocha's report. */
  runTests(file: string): { readonly stats: { readonly passes: number }; failures: unknown[] } {
    const mocha = join(this.folder, "node_modules/mocha/bin/_mocha");
    const report = join(this.folder, "report.json");
    const { stderr, stdout } = spawnSync(
      process.execPath,
      [
        mocha,
        "--timeout",
        "60000",
        "--reporter",
        "json",
        "--reporter-option",
        `output=${report}`,
        file,
      ],
      { cwd: this.folder, encoding: "utf8", env: { ...process.env, TMPDIR: this.folder } },
    );
    try {
      return JSON.parse(readFileSync(report, "utf8")) as ReturnType<OutsidePackage["runTests"]>;
    } catch {
      throw new Error(`mocha has written no report\n${stderr}${stdout}`);
    }
  }

  /** Runs the installed command line, in the folder of the package. */
  domsnap(words: readonly string[], env: NodeJS.ProcessEnv = {}): CliResult {
    const { status, stdout, stderr } = spawnSync(this.program, words, {
      cwd: this.folder,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1", ...env },
    });
    return { status: status ?? -1, stdout, stderr };
  }

  /** Starts the installed command line and does not wait for it. */
  start(words: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    return spawn(this.program, words, {
      cwd: this.folder,
      stdio: "ignore",
      env: { ...process.env, ...env },
    });
  }

  #installDomsnap(): void {
    ensureBuilt();
    const pack = ["pack", "--ignore-scripts", "--silent", "--pack-destination", this.folder];
    execFileSync("npm", pack, { cwd: root, stdio: "ignore" });
    const tarball = readdirSync(this.folder).find((name) => name.endsWith(".tgz")) ?? "";
    const home = join(this.folder, "node_modules", "domsnap");
    mkdirSync(home, { recursive: true });
    const unpack = ["--strip-components=1", "--no-same-owner", "-C", home];
    execFileSync("tar", ["-xzf", join(this.folder, tarball), ...unpack]);
    const { dependencies } = JSON.parse(
      readFileSync(join(home, "package.json"), "utf8"),
    ) as Manifest;
    for (const name of Object.keys(dependencies)) this.#link(name, join(home, "node_modules"));
    mkdirSync(dirname(this.program), { recursive: true });
    symlinkSync("../domsnap/bin/domsnap.cjs", this.program);
  }

  #link(name: string, modules: string): void {
    const place = join(modules, name);
    mkdirSync(dirname(place), { recursive: true });
    symlinkSync(join(installedHere, name), place);
  }
}
