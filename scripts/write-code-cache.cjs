"use strict";
// Runs one domsnap command (its words are the arguments) and keeps what V8 compiled for it, for
// every part of the bundle that has no cache yet.
const { existsSync, writeFileSync } = require("node:fs");
const { loadedParts } = require("../bin/domsnap.cjs");

process.on("exit", () => {
  for (const { cache, script } of loadedParts())
    if (!existsSync(cache)) writeFileSync(cache, script.createCachedData());
});
