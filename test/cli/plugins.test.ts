import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

import { expect } from "chai";
import { execa } from "execa";

import { ensureBuilt } from "../../scripts/ensure-built.mjs";
import { testFolder } from "../support/images/folder.js";

const PROGRAM = fileURLToPath(new URL("../../bin/domsnap.cjs", import.meta.url));
const INVERSIFY = import.meta.resolve("inversify");

/** A plugin with one part of a port. */
function plugin(port: string, value: string, exported = "export default"): string {
  return `import { ContainerModule } from "${INVERSIFY}";
${exported} new ContainerModule(({ bind }) => {
  bind(Symbol.for("domsnap.${port}")).toConstantValue(${value});
});
`;
}

const BACKEND = plugin("DiskBackend", '{ id: "mine", summary: "in my own way" }');

interface Listed {
  readonly plugins: readonly {
    readonly kind: string;
    readonly id: string;
    readonly summary?: string;
    readonly from: string;
  }[];
}

/** The program as it is installed, with plugins that are files. */
describe("plugins of the command line", () => {
  before(() => {
    ensureBuilt();
  });
  const folder = testFolder();

  const write = (name: string, text: string) => {
    const file = folder.file(name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const run = (words: readonly string[], env: Record<string, string> = {}) =>
    execa(process.execPath, [PROGRAM, ...words], { cwd: folder.path, env, reject: false });
  const listOf = async (words: readonly string[], env?: Record<string, string>) => {
    const { stdout, stderr } = await run([...words, "plugins", "--json"], env);
    expect(stderr).to.equal("");
    return (JSON.parse(stdout) as Listed).plugins;
  };
  const added = async (words: readonly string[], env?: Record<string, string>) =>
    (await listOf(words, env)).filter(({ from }) => from !== "built-in");
  const mine = (file: string) => [
    { kind: "disk-backend", id: "mine", summary: "in my own way", from: file },
  ];

  describe("are listed", () => {
    it("when they come with domsnap", async () => {
      const parts = (await listOf([])).map(({ kind, id, from }) => `${kind} ${id} ${from}`);
      expect(parts).to.include.members([
        "disk-backend dd built-in",
        "disk-backend qdisk built-in",
        "disk-backend blktap built-in",
        "toolstack file built-in",
        "toolstack xen built-in",
        "import-source bundle built-in",
        "export-format libvirt built-in",
      ]);
      for (const { summary } of await listOf([])) expect(summary).to.match(/\w{3}/);
    });

    it("as a table, without a header if it is to be quiet", async () => {
      const file = write("p.mjs", BACKEND);
      const { stdout } = await run(["--plugin", file, "plugins"]);
      expect(stdout).to.match(
        /^ Kind +Id +From +Summary *\n-+\n disk backend +dd +built-in +whole/,
      );
      expect(stdout).to.match(new RegExp(`\n disk backend +mine +${file} +in my own way *\n`));
      const quiet = await run(["-q", "--plugin", file, "plugins"]);
      expect(quiet.stdout).to.match(/^ disk backend +dd /);
    });
  });

  describe("are found", () => {
    it("by a path, from the folder of the caller", async () => {
      const file = write("below/p.mjs", BACKEND);
      for (const name of ["./below/p.mjs", file, new URL(`file://${file}`).href])
        expect(await added(["--plugin", name]), name).to.deep.equal(mine(file));
    });

    it("as a package, from the folder of the caller", async () => {
      const main = { name: "vg", type: "module", exports: { "./backend": { import: "./p.js" } } };
      write("node_modules/vg/package.json", JSON.stringify(main));
      const file = write("node_modules/vg/p.js", BACKEND);
      expect(await added(["--plugin", "vg/backend"])).to.deep.equal(mine(file));
      const closed = await run(["--plugin", "vg", "plugins"]);
      expect(closed.stderr).to.match(/^error: plugin 'vg': No "exports" main defined/);
    });

    it("as a package beside domsnap's own", async () => {
      // What is installed there is no plugin, but found it is.
      const { stderr } = await run(["--plugin", "commander", "plugins"]);
      expect(stderr).to.match(/^error: plugin 'commander' \(.*\/node_modules\/commander\/.*\): no/);
    });

    it("in the configuration, from its folder", async () => {
      const file = write("etc/p.mjs", BACKEND);
      const DOMSNAP_CONFIG = write("etc/config.json", '{ "plugins": ["./p.mjs"] }');
      expect(await added([], { DOMSNAP_CONFIG })).to.deep.equal(mine(file));
      // Named twice, there is one.
      expect(await added(["--plugin", file], { DOMSNAP_CONFIG })).to.deep.equal(mine(file));
    });
  });

  const ways: readonly [way: string, name: string, text: string][] = [
    [
      "by name",
      "p.mjs",
      plugin("DiskBackend", '{ id: "mine", summary: "in my own way" }', "export const plugin ="),
    ],
    [
      "in a list",
      "p.mjs",
      `${plugin("DiskBackend", '{ id: "mine", summary: "in my own way" }', "const one =")}export const plugins = [one];`,
    ],
    [
      "by a module of CommonJS",
      "p.cjs",
      `module.exports = { plugin: { id: 7, load: ({ bind }) => bind(Symbol.for("domsnap.DiskBackend"))
        .toConstantValue({ id: "mine", summary: "in my own way" }) } };`,
    ],
    ["after some waiting", "p.mjs", `await new Promise((done) => setTimeout(done, 20));${BACKEND}`],
  ];
  for (const [way, name, text] of ways)
    it(`may be exported ${way}`, async () => {
      const file = write(name, text);
      expect(await added(["--plugin", file])).to.deep.equal(mine(file));
    });

  it("of every kind are added, in the order in which they are named", async () => {
    const files = [
      write("a.mjs", plugin("ExportFormat", '{ id: "ova", summary: "out" }')),
      write("b.mjs", plugin("ImportSource", '{ id: "ova", summary: "in" }')),
      write("c.mjs", plugin("ConnectionProvider", '{ schemes: ["a", "b"] }')),
    ];
    const parts = await added(files.flatMap((file) => ["--plugin", file]));
    expect(parts.map(({ kind, id }) => `${kind} ${id}`)).to.deep.equal([
      "export-format ova",
      "import-source ova",
      "toolstack a",
      "toolstack b",
    ]);
  });

  it("are not loaded by what needs none", async () => {
    const file = write("p.mjs", "process.stdout.write('<<here>>')");
    expect((await run(["--plugin", file, "help"])).stdout).not.to.include("<<here>>");
    expect((await run(["--plugin", file, "--version"])).stdout).not.to.include("<<here>>");
    expect((await run(["--plugin", file, "plugins"])).stdout).to.include("<<here>>");
  });

  it("serve the URIs of a connection, and the failure is the plugin's if they cannot be loaded", async () => {
    const file = write(
      "p.mjs",
      plugin(
        "ConnectionProvider",
        '{ schemes: ["mine"], open: () => Promise.reject(new Error("it is opened")) }',
      ),
    );
    const served = await run(["--plugin", file, "-c", "mine:///", "list"]);
    expect(served.stderr).to.match(
      /^error: failed to connect to the hypervisor\nerror: .*it is opened/,
    );
    const lost = await run(["--plugin", "./none.mjs", "-c", "mine:///", "list"]);
    expect(lost.stderr).to.match(/^error: plugin '.\/none.mjs'/);
  });

  const faults: readonly [fault: string, text: string, message: RegExp][] = [
    [
      "throws",
      'throw new TypeError("boo")',
      /TypeError: boo\nhint: Run node .*p\.mjs to see where/,
    ],
    ["cannot be parsed", "const x = ;", /SyntaxError: Unexpected token ';'\nhint: Run node /],
    ["throws no error", "throw 7", /it throws 7\n/],
    ["never ends", "await new Promise(() => {})", /it waits for something that never comes/],
    [
      "needs what is not there",
      'import "domsnap/plugin"',
      /Cannot find package 'domsnap'.*\nhint: .*npm install domsnap/,
    ],
    ["exports nothing", "", /it exports nothing\nhint: Export a ContainerModule/],
    ["exports something else", "export const a = 1", /no plugin is among what it exports \(a\)/],
    ["exports something more", `${BACKEND}export const plugins = [1];`, /not all that it exports/],
    ["is of an old inversify", "export default { id: 1, registry() {} }", /inversify 6 or older/],
    [
      "adds nothing",
      plugin("Nothing", "1"),
      /it adds no disk backend, image inspector, toolstack, import source or export format\n/,
    ],
    [
      "fails when it is loaded",
      BACKEND.replace("bind(", "undefined("),
      /undefined is not a function/,
    ],
    [
      "asks for what nobody has",
      BACKEND.replace(/toConstantValue\(.*\)/, 'toResolvedValue((x) => x, ["nothing"])'),
      /"nothing"/,
    ],
    [
      "is called like a built-in one",
      plugin("DiskBackend", '{ id: "dd" }'),
      /its disk backend is called 'dd', which comes with domsnap\nhint: Give it another name/,
    ],
    [
      "serves a built-in scheme",
      plugin("ConnectionProvider", '{ schemes: ["file"] }'),
      /its toolstack is called 'file', which comes with domsnap/,
    ],
    [
      "exports in a built-in format",
      plugin("ExportFormat", '{ id: "xl" }'),
      /its export format is called 'xl'/,
    ],
    [
      "replaces what domsnap has",
      plugin("FilePersistence", "1"),
      /it binds 'domsnap.FilePersistence', which domsnap does itself/,
    ],
  ];
  for (const [fault, text, message] of faults)
    it(`are refused when one ${fault}`, async () => {
      const file = write("p.mjs", text);
      const { exitCode, stderr, stdout } = await run(["-q", "--plugin", file, "plugins"]);
      expect(stderr).to.match(message);
      expect(stderr.startsWith(`error: plugin '${file}': `), stderr).to.equal(true);
      expect(stderr).to.match(/ \(domsnap explain plugin-unusable\)$/);
      expect(stderr.split("\n")).to.have.length(2);
      expect({ exitCode, stdout }).to.deep.equal({ exitCode: 1, stdout: "" });
    });

  it("are refused when two have one name, and both files are told", async () => {
    const [one, two] = [write("one.mjs", BACKEND), write("two.mjs", BACKEND)];
    const { stderr } = await run(["--plugin", one, "--plugin", two, "plugins"]);
    expect(stderr).to.include(
      `plugin '${two}': its disk backend is called 'mine', which is that of '${one}'`,
    );
  });

  it("that are not there are refused, and who names them is told", async () => {
    write("near.mjs", BACKEND);
    write("some/index.js", BACKEND);
    const DOMSNAP_CONFIG = write("config.json", '{ "plugins": ["nowhere"] }');
    const refusals = await Promise.all(
      ["./none.mjs", "near.mjs", "nowhere", "./some", "node:fs"].map(
        async (name) => (await run(["--plugin", name, "plugins"])).stderr,
      ),
    );
    expect(refusals[0]).to.match(/^error: plugin '.\/none.mjs' \(\/.*none.mjs\): No such file/);
    expect(refusals[1]).to.match(/no package of this name.*\nhint: Say '.\/near.mjs' for the file/);
    expect(refusals[2]).to.match(/no package of this name.*\nhint: Install the package there/);
    expect(refusals[3]).to.match(/it is a folder\nhint: Name the file/);
    expect(refusals[4]).to.match(/no package of this name/);
    const { stderr } = await run(["plugins"], { DOMSNAP_CONFIG });
    expect(stderr).to.include(` It is named in '${DOMSNAP_CONFIG}'. (domsnap explain`);
  });

  it("are refused by every command after the first, too, and loaded once they can be", async () => {
    const { stderr } = await execa(process.execPath, [PROGRAM, "-q", "--plugin", "./none.mjs"], {
      cwd: folder.path,
      input: "plugins\nplugins\necho on\n",
      reject: false,
    });
    expect(stderr.match(/^error: plugin/gm)).to.have.length(2);
  });

  it("that others may write are not run by root", async () => {
    const file = write("p.mjs", BACKEND);
    write("dir/p.mjs", BACKEND);
    symlinkSync("dir", folder.file("link"));
    chmodSync(folder.file("dir"), 0o777);
    const run1 = async (name: string) => (await run(["--plugin", name, "plugins"])).stderr;
    if (process.geteuid?.() !== 0) {
      expect(await run1("./link/p.mjs")).to.equal("");
      return;
    }
    expect(await run1("./link/p.mjs")).to.match(/not run by root: others may write to '.*\/dir'\n/);
    chownSync(file, 1234, 1234);
    expect(await run1(file)).to.include(`not run by root: '${file}' belongs to the user 1234`);
  });

  it("of a configuration that is wrong are not loaded", async () => {
    const DOMSNAP_CONFIG = write("config.json", '{ "plugin": [] }');
    const { stderr, exitCode } = await run(["plugins"], { DOMSNAP_CONFIG });
    expect(stderr).to.equal(
      `error: ${DOMSNAP_CONFIG}:1:3: there is no key 'plugin'\n` +
        "hint: Use one of these: backend, connections, plugins, trustedFolders. (domsnap explain config-invalid)",
    );
    expect(exitCode).to.equal(1);
  });
});
