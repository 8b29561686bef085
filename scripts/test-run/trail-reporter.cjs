// A reporter for mocha that writes what happens to a file, line by line, as it happens: the file
// tells how far the tests came also when they are killed. On the terminal it says only what failed,
// or all with the option `spec`.
const { appendFileSync } = require("node:fs");
const { Base, Spec } = require("mocha").reporters;

module.exports = function TrailReporter(runner, options) {
  const { trail, spec } = options.reporterOption;
  const tell = (line) => appendFileSync(trail, `${JSON.stringify(line)}\n`);
  const reporter = spec ? new Spec(runner, options) : new Base(runner, options);

  runner.on("hook", ({ title, parent }) => tell({ begins: `${parent.fullTitle()} ${title}` }));
  runner.on("test", (test) => tell({ begins: test.fullTitle() }));
  runner.on("pass", () => tell({ passed: 1 }));
  runner.on("pending", () => tell({ skipped: 1 }));
  runner.on("fail", (test, { message }) => tell({ failed: 1, title: test.fullTitle(), message }));
  runner.once("end", () => {
    tell({ ended: true });
    if (!spec && reporter.failures.length > 0) Base.list(reporter.failures);
  });
};
