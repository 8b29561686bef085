// Builds the library (plain compiled files with types), the command line (one bundle and its V8
// code cache), the man page and the bash completion. With --unchecked types are not checked, for
// who does that beside.
import { build, transform } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/**
 * Built-in modules of Node that take milliseconds to load and that most commands never touch. In
 * the bundle each is loaded when one of its exports is first used.
 */
const LAZY_BUILTINS =
  /^(node:)?(child_process|crypto|fs\/promises|net|timers\/promises|worker_threads)$/;

/** What `import.meta.url` is in CommonJS, which does not have it. */
const BUNDLE_URL = "__bundleUrl";
const BUNDLE_URL_BANNER = `const ${BUNDLE_URL}=require("node:url").pathToFileURL(__filename).href;`;

const lazyBuiltins = {
  name: "lazy-builtins",
  setup(bundle) {
    const namespace = "lazy-builtin";
    bundle.onResolve({ filter: LAZY_BUILTINS }, ({ path, namespace: importer }) =>
      importer === namespace ? { path, external: true } : { path, namespace },
    );
    bundle.onLoad({ filter: LAZY_BUILTINS, namespace }, async ({ path }) => {
      const names = Object.keys(await import(path)).filter((name) => name !== "default");
      const getters = names.map((name) => `get ${name}() { return require("${path}").${name}; }`);
      return { contents: `module.exports = { ${getters.join(", ")} };` };
    });
  },
};

rmSync(join(root, "dist"), { recursive: true, force: true });
const unchecked = process.argv.includes("--unchecked") ? ["--noCheck"] : [];
run("npx", ["tsc", "-p", "tsconfig.build.json", ...unchecked]);

await bundleCommandLine();
warmCodeCache();
mkdirSync(join(root, "man"), { recursive: true });
mkdirSync(join(root, "completion"), { recursive: true });
const { formatManPage, formatBashCompletion } = await import("../dist/cli/generate/index.js");
writeFileSync(join(root, "man", "domsnap.1"), formatManPage({ version }));
writeFileSync(join(root, "completion", "domsnap.bash"), formatBashCompletion());

/**
 * One bundle of parts, so that a command loads only what it needs. esbuild parts only ES modules;
 * each part is made CommonJS afterwards, because the code cache's script has no loader for import().
 */
async function bundleCommandLine() {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["src/cli/main.ts"],
    outdir: "dist/cli/bundle",
    outExtension: { ".js": ".cjs" },
    bundle: true,
    splitting: true,
    write: false,
    platform: "node",
    target: "node20.19",
    format: "esm",
    minify: true,
    legalComments: "none",
    tsconfig: "tsconfig.json",
    // A native module cannot be part of a bundle.
    external: ["fs-native-extensions"],
    plugins: [lazyBuiltins],
    define: {
      "import.meta.url": BUNDLE_URL,
      "process.env.DOMSNAP_VERSION": JSON.stringify(version),
    },
    logLevel: "warning",
  });
  mkdirSync(join(root, "dist/cli/bundle"));
  await Promise.all(
    outputFiles.map(async ({ path, text }) => {
      const { code } = await transform(text, {
        format: "cjs",
        platform: "node",
        target: "node20.19",
        minify: true,
        charset: "ascii",
        supported: { "dynamic-import": false },
        banner: text.includes(BUNDLE_URL) ? BUNDLE_URL_BANNER : "",
      });
      writeFileSync(path, code);
    }),
  );
}

/**
 * Runs some commands, so that the code cache of each part holds what they need of it. A list comes
 * first: more in the parts that it loads would make the start of every command longer.
 */
function warmCodeCache() {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-build-"));
  const connection = ["-c", pathToFileURL(folder).href];
  const domain = readFileSync(join(root, "fixtures/libvirt-xml/domains/raw.xml"), "utf8");
  const disk = (name) => `vda,driver=raw,file=${join(folder, `guest.${name}.raw`)}`;
  const create = (name) => ["snapshot-create-as", "guest", name, "--diskspec", disk(name)];
  const warm = (...words) => run(process.execPath, ["scripts/write-code-cache.cjs", ...words]);
  try {
    writeFileSync(join(folder, "guest.raw"), "");
    writeFileSync(
      join(folder, "guest.xml"),
      domain.replace("/var/lib/libvirt/images", () => folder),
    );
    run(process.execPath, ["bin/domsnap.cjs", ...connection, ...create("first")]);
    warm(...connection, "snapshot-list", "guest");
    warm(...connection, ...create("second"));
    warm(...connection, "snapshot-revert", "guest", "first");
    warm(...connection, "snapshot-delete", "guest", "second");
    warm(...connection, "snapshot-dumpxml", "guest", "first");
    warm(...connection, "export", "guest", join(folder, "out"), "--to", "redefine");
    warm("-c", "test:///default", "snapshot-list", "test");
    warm("-c", pathToFileURL(folder).href.replace("file:", "qemu+dir:"), "list");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function run(program, args) {
  const { status, stdout } = spawnSync(program, args, {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (status === 0) return;
  console.error(stdout);
  process.exit(status ?? 1);
}
