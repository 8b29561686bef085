import { expect } from "chai";
import { execa } from "execa";

/** The program itself, as a process. */
describe("main", () => {
  const run = (argv: string[], input = "") =>
    execa(process.execPath, ["--import", "tsx", "src/cli/main.ts", ...argv], {
      input,
      reject: false,
      stripFinalNewline: false,
    });

  it("runs commands from standard input over one connection", async () => {
    const { stdout, stderr, exitCode } = await run(
      ["-c", "test:///default"],
      "snapshot-create-as test s1\nsnapshot-create-as test s2\nsnapshot-list test --tree\nsnapshot-parent test s1\n",
    );
    expect(stdout).to.equal(
      "Domain snapshot s1 created\nDomain snapshot s2 created\ns1\n  |\n  +- s2\n    \n\n\n",
    );
    expect(stderr).to.match(/^error: snapshot 's1' has no parent\nhint: /);
    expect(exitCode).to.equal(1);
  });

  it("prints help without loading what opens connections", async () => {
    const { stdout, exitCode } = await execa(
      process.execPath,
      [
        "--import",
        "tsx",
        "--input-type=module",
        "--eval",
        `process.argv.splice(1, 9, "domsnap", "--help");
         const { registerHooks } = await import("node:module");
         registerHooks?.({ load: (url, context, next) => {
           if (/container|inversify|fast-xml-parser/.test(url)) console.error("loaded " + url);
           return next(url, context);
         }});
         await import("./src/cli/main.ts");`,
      ],
      { reject: false },
    );
    expect(stdout).to.include("snapshot-create");
    expect(exitCode).to.equal(0);
  });
});
