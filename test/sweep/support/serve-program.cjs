"use strict";
/*
 * Runs the program again and again in one process, because to start Node.js takes longer than most
 * commands do. Every run loads the whole program anew. One that is killed takes this process with
 * it, and one that leaves more files open than the first is the last.
 *
 *   node serve-program.cjs PROGRAM     in: { args, fault }     out: { status, stdout, stderr, isLast }
 */
const fs = require("node:fs");
const vm = require("node:vm");
const { arm } = require("./fault-points.cjs");

const program = process.argv[2];
const written = { 1: "", 2: "" };
captureOutput();
const openFiles = () => fs.readdirSync("/proc/self/fd").length;
let openBefore;

// The program compiles itself every time it is loaded; the same text is compiled once.
const scripts = new Map();
vm.Script = new Proxy(vm.Script, {
  construct(Script, [source, options]) {
    const script = scripts.get(source) ?? new Script(source, options);
    scripts.set(source, script);
    return script;
  },
});

// Nothing may rely on a careful umask.
process.umask(0);
process.on("disconnect", () => process.exit());
process.on("message", ({ args, fault }) => {
  process.argv = [process.execPath, program, ...args];
  process.exitCode = undefined;
  for (const path of Object.keys(require.cache))
    if (!path.includes("/node_modules/") && path !== __filename) delete require.cache[path];
  arm(fault);
  require(program);
  // From here on only the program keeps the process alive; when nothing is left to do it has ended.
  process.channel.unref();
});
process.on("beforeExit", (status) => {
  arm();
  process.stdout.removeAllListeners("error");
  process.channel.ref();
  openBefore ??= openFiles();
  const isLast = openFiles() > openBefore;
  process.send({ status, stdout: written[1], stderr: written[2], isLast });
  written[1] = written[2] = "";
});

/** Keeps what is written to the standard streams, in whichever way. */
function captureOutput() {
  const { writeSync } = fs;
  fs.writeSync = (fd, data, ...rest) => {
    if (!(fd in written)) return writeSync(fd, data, ...rest);
    const bytes = Buffer.from(data);
    written[fd] += bytes.subarray(rest[0] ?? 0);
    return bytes.length - (rest[0] ?? 0);
  };
  for (const stream of [process.stdout, process.stderr])
    stream.write = (chunk, ...rest) => {
      written[stream.fd] += chunk;
      const done = rest.at(-1);
      if (typeof done === "function") process.nextTick(done);
      return true;
    };
}
