#!/usr/bin/env node
"use strict";
// Runs the bundled command line: a main part, and others that are loaded when they are needed, each
// through V8's code cache, which takes most of its compile time away. The build makes the caches;
// V8 itself refuses one of another version or source.
const { readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");

const FOLDER = join(__dirname, "..", "dist", "cli", "bundle");
const CACHE = ".cache";

/** The parts that are loaded, by path: what each exports, and its compiled script. */
const parts = new Map();

/** A part by its path. The bundle is plain ASCII, so that nothing has to be decoded. */
function load(path) {
  const known = parts.get(path);
  // Parts that need one another see what is there so far, as CommonJS has it.
  if (known) return known.module.exports;
  const wrapper = `(function(exports,require,module,__filename,__dirname){${read(path)}\n})`;
  const script = new Script(wrapper, { filename: path, cachedData: readIfThere(path + CACHE) });
  const module = { exports: {} };
  parts.set(path, { module, script });
  script.runInThisContext()(module.exports, requireFromPart, module, path, dirname(path));
  return module.exports;
}

/** Parts lie side by side and name one another so; everything else is Node's. */
function requireFromPart(id) {
  return id.startsWith("./") ? load(join(FOLDER, id)) : require(id);
}

function read(file) {
  const source = readIfThere(file, "latin1");
  if (source !== undefined) return source;
  process.stderr.write("error: domsnap is not built; run 'npm ci && npm run build'\n");
  process.exit(1);
}

function readIfThere(file, encoding) {
  try {
    return readFileSync(file, encoding);
  } catch {
    return undefined;
  }
}

const { main } = load(join(FOLDER, "main.cjs"));
// The code cache's scripts have no loader for import(): a plugin is loaded from here.
main({ importModule: (url) => import(url) });

/** For the build: what has been loaded. */
exports.loadedParts = () =>
  [...parts].map(([path, { script }]) => ({ cache: path + CACHE, script }));
