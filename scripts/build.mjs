// Builds the library (plain compiled files with types), the command line (one bundle and its V8
// code cache), the man page and the bash completion.
import { build } from "esbuild";
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
const LAZY_BUILTINS = /^(node:)?(child_process|crypto|fs\/promises|worker_threads)$/;

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
run("npx", ["tsc", "-p", "tsconfig.build.json"]);

await build({
  absWorkingDir: root,
  entryPoints: ["src/cli/main.ts"],
  outfile: "dist/cli/domsnap.cjs",
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  minify: true,
  legalComments: "none",
  tsconfig: "tsconfig.json",
  // A native module cannot be part of a bundle.
  external: ["fs-native-extensions"],
  plugins: [lazyBuiltins],
  // The code cache's script has no loader for import(); what is left of it becomes require().
  supported: { "dynamic-import": false },
  // `import.meta.url` does not exist in CommonJS; this is what it would be.
  banner: { js: 'const __bundleUrl=require("node:url").pathToFileURL(__filename).href;' },
  define: {
    "import.meta.url": "__bundleUrl",
    "process.env.DOMSNAP_VERSION": JSON.stringify(version),
  },
  logLevel: "warning",
});

warmCodeCache();
mkdirSync(join(root, "man"), { recursive: true });
mkdirSync(join(root, "completion"), { recursive: true });
const { formatManPage, formatBashCompletion } = await import("../dist/cli/generate/index.js");
writeFileSync(join(root, "man", "domsnap.1"), formatManPage({ version }));
writeFileSync(join(root, "completion", "domsnap.bash"), formatBashCompletion());

/**
 * Lists a snapshot once, so that the code cache holds what every command needs. More commands would
 * make the cache larger, and with it the start of those that need less.
 */
function warmCodeCache() {
  const folder = mkdtempSync(join(tmpdir(), "domsnap-build-"));
  const uri = pathToFileURL(folder).href;
  const domain = readFileSync(join(root, "fixtures/libvirt-xml/domains/raw.xml"), "utf8");
  const disk = `vda,driver=raw,file=${join(folder, "guest.first.raw")}`;
  try {
    writeFileSync(join(folder, "guest.raw"), "");
    writeFileSync(
      join(folder, "guest.xml"),
      domain.replace("/var/lib/libvirt/images", () => folder),
    );
    run(process.execPath, [
      ...["bin/domsnap.cjs", "-c", uri],
      ...["snapshot-create-as", "guest", "first", "--diskspec", disk],
    ]);
    run(process.execPath, ["scripts/write-code-cache.cjs", "-c", uri, "snapshot-list", "guest"]);
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
