"use strict";
// Runs one domsnap command (its words are the arguments) and keeps what V8 compiled for it.
const { writeFileSync } = require("node:fs");
const { cacheFile, runBundle } = require("../bin/run-bundle.cjs");

const script = runBundle();
process.on("exit", () => writeFileSync(cacheFile, script.createCachedData()));
