"use strict";
// Runs the bundled command line through V8's code cache, which takes most of its compile time away.
// The cache is made by the build; V8 itself refuses one of another version or source.
const { readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");
const { Script } = require("node:vm");

const bundle = join(__dirname, "..", "dist", "cli", "domsnap.cjs");
const cacheFile = `${bundle}.cache`;

/** Runs the bundle and returns its compiled script, from which a cache can be made. */
function runBundle() {
  const source = read(bundle, "utf8");
  if (source === undefined) {
    process.stderr.write("error: domsnap is not built; run 'npm ci && npm run build'\n");
    process.exit(1);
  }
  const wrapper = `(function(exports,require,module,__filename,__dirname){${source}\n})`;
  const script = new Script(wrapper, { filename: bundle, cachedData: read(cacheFile) });
  const main = { exports: {} };
  script.runInThisContext()(main.exports, require, main, bundle, dirname(bundle));
  return script;
}

function read(file, encoding) {
  try {
    return readFileSync(file, encoding);
  } catch {
    return undefined;
  }
}

module.exports = { runBundle, cacheFile };
