const { patience } = require("./scripts/test-run/patience.cjs");

module.exports = {
  "node-option": ["import=tsx/esm"],
  require: ["reflect-metadata", "./test/support/no-open-handles.ts"],
  timeout: patience(60_000),
  exit: true,
  "forbid-only": true,
  "forbid-pending": true,
};
