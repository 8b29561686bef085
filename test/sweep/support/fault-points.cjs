"use strict";
/*
 * Loaded before the program by the crash sweep (serve-program.cjs); no part of what is published.
 *
 * Everything that changes the host goes through node's fs and child_process. Each such call is a
 * fault point, so that new code is swept without anybody thinking of it. `arm` says what happens
 * there:
 *
 *   list:FILE   write down every point that is passed, one line each
 *   N:ACTION    act at the N-th point (from 0):
 *     kill     SIGKILL before the call; a program that was to be started is not
 *     EIO, EACCES   the call fails and changes nothing
 *     ENOSPC   as if the disk were full from here on: all later calls that need room fail as well
 *     late     the call does its work, half of it when it writes, and fails then
 *     during   programs only: SIGKILL right after the program has begun
 *     after    programs only: SIGKILL when the program has ended, before its result is known
 *     cut      programs only: the program itself is killed at its work
 *     stranger={"path":...,"log":...}   somebody makes a file at this path, unless there is one, and
 *              tells so in the log; nothing fails
 */
const childProcess = require("node:child_process");
const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const { basename } = require("node:path");

const real = {
  appendFileSync: fs.appendFileSync,
  writeFileSync: fs.writeFileSync,
  kill: process.kill.bind(process),
};
const NUMBERS = { EIO: -5, EACCES: -13, ENOSPC: -28 };
const TEXTS = {
  EIO: "Input/output error",
  EACCES: "Permission denied",
  ENOSPC: "No space left on device",
};
/** What only looks. Whatever is not named here counts as a change. */
const LOOKS =
  /^(_|[A-Z]|access|close|constants|create(Read|Write)Stream|exists|f?stat(fs)?|glob|l?stat|openAsBlob|opendir|promises|read|realpath|unwatch|watch)/;
const NEEDS_ROOM = /^(open|write|append|mkdir|mkdtemp|copy|link|symlink|cp|truncate)/;

let listFile;
let fatalIndex;
let action;
let passed = 0;
let full = false;
let nested = false;

/** Counts from the first point again; without a fault nothing happens at any. */
function arm(fault = "-1:") {
  const [target, rest] = fault.split(/:(.*)/s);
  listFile = target === "list" ? rest : undefined;
  fatalIndex = target === "list" ? -1 : Number(target);
  action = rest;
  passed = 0;
  full = false;
}

/** What is to happen at this point: nothing, or one of the actions. */
function pass(name, detail) {
  const index = passed++;
  if (listFile !== undefined) {
    nested = true;
    real.appendFileSync(listFile, `${name}\t${detail}\n`);
    nested = false;
  }
  if (index !== fatalIndex) return full && NEEDS_ROOM.test(name) ? "ENOSPC" : undefined;
  if (action === "kill") real.kill(process.pid, "SIGKILL");
  if (action === "ENOSPC") full = true;
  if (!action.startsWith("stranger=")) return action;
  makeStranger(JSON.parse(action.slice("stranger=".length)));
  return undefined;
}

/** What other people keep stays as it is; see sweep-guest.ts for the content. */
function makeStranger({ path, log }) {
  nested = true;
  try {
    real.writeFileSync(path, "somebody's", { flag: "wx", mode: 0o600 });
    real.appendFileSync(log, `${path}\n`);
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  } finally {
    nested = false;
  }
}

function failure(code, name) {
  const known = code in NUMBERS ? code : "EIO";
  const error = new Error(`${known}: ${TEXTS[known]}, ${name}`);
  return Object.assign(error, { code: known, errno: NUMBERS[known], syscall: name });
}

/** The arguments of a write of half the bytes; those of any other call as they are. */
function halved(name, args) {
  if (!name.startsWith("write") || name === "writev") return args;
  const dataAt = name === "writeFile" && typeof args[1] !== "object" && args.length > 1 ? 1 : 0;
  const data = args[dataAt];
  if (typeof data !== "string" && !ArrayBuffer.isView(data)) return args;
  const bytes = Buffer.from(data);
  const half = bytes.subarray(0, Math.floor(bytes.length / 2));
  if (name === "writeFile") return args.toSpliced(dataAt, 1, half);
  const position = typeof data === "string" ? args[1] : args[3];
  return [half, 0, half.length, position];
}

function isChange(name, args) {
  if (nested || LOOKS.test(name)) return false;
  if (typeof args[0] === "number" && args[0] <= 2) return false;
  if (!/^open(Sync)?$/.test(name)) return true;
  const { O_WRONLY, O_RDWR, O_CREAT, O_TRUNC } = fs.constants;
  const flags = args[1] ?? "r";
  return typeof flags === "string"
    ? flags !== "r"
    : (flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) !== 0;
}

/** What a point is called: a call that opens or makes what is there already changes nothing. */
function labelOf(label, name, args) {
  const flags = args[1];
  const makesNothing = /^open(Sync)?$/.test(name)
    ? typeof flags === "number" && (flags & fs.constants.O_TRUNC) === 0
    : /^mkdir(Sync)?$/.test(name);
  return makesNothing && fs.existsSync(args[0]) ? `${label} (there)` : label;
}

function detailOf(args) {
  return args
    .filter((value) => typeof value === "string" && value.startsWith("/"))
    .map((path) => basename(path))
    .join(" > ");
}

function wrapPromised(owner, name, label) {
  const original = owner[name];
  owner[name] = async function (...args) {
    const fault = isChange(name, args)
      ? pass(labelOf(label, name, args), detailOf(args))
      : undefined;
    if (fault === undefined) return original.apply(this, args);
    if (fault === "late") await original.apply(this, halved(name, args));
    throw failure(fault, name);
  };
}

function wrapSync(name) {
  const original = fs[name];
  fs[name] = function (...args) {
    const fault = isChange(name, args)
      ? pass(labelOf(name, name, args), detailOf(args))
      : undefined;
    if (fault === undefined) return original.apply(this, args);
    if (fault === "late") original.apply(this, args);
    throw failure(fault, name);
  };
}

function wrapCallback(name) {
  const original = fs[name];
  fs[name] = function (...args) {
    const callback = args.at(-1);
    const fault =
      typeof callback === "function" && isChange(name, args)
        ? pass(labelOf(name, name, args), detailOf(args))
        : undefined;
    if (fault === undefined) return original.apply(this, args);
    if (fault !== "late") return void process.nextTick(callback, failure(fault, name));
    return original.apply(this, [...args.slice(0, -1), () => callback(failure(fault, name))]);
  };
  Object.assign(fs[name], original);
}

function wrapPrograms(name) {
  const original = childProcess[name];
  childProcess[name] = function (program, args, ...rest) {
    const words = Array.isArray(args) ? args : [];
    const fault = pass(`run ${basename(program)} ${words[0] ?? ""}`.trimEnd(), detailOf(words));
    if (fault === undefined) return original.call(this, program, args, ...rest);
    const shell = (script) =>
      original.call(this, "/bin/sh", ["-c", script, "sh", program, ...words], ...rest);
    if (fault in TEXTS) return shell(`echo "$1: ${TEXTS[fault]}" >&2; exit 1`);
    if (fault === "late") return shell(`"$@"; echo "$1: ${TEXTS.EIO}" >&2; exit 1`);
    if (fault === "after") return shell(`"$@"; kill -9 $PPID`);
    if (fault === "cut") return shell(`exec timeout --signal=KILL 0.006 "$@"`);
    const child = original.call(this, program, args, ...rest);
    if (fault === "during") real.kill(process.pid, "SIGKILL");
    return child;
  };
}

for (const name of Object.keys(fs.promises))
  if (typeof fs.promises[name] === "function" && !LOOKS.test(name))
    wrapPromised(fs.promises, name, name);
for (const name of Object.keys(fs))
  if (typeof fs[name] === "function" && !LOOKS.test(name))
    if (name.endsWith("Sync")) wrapSync(name);
    else wrapCallback(name);
wrapPrograms("spawn");
wrapPrograms("spawnSync");

// Every file handle shares one prototype, which only an open handle leads to.
const openReal = fs.promises.open;
let handlesWrapped = false;
fs.promises.open = async function (...args) {
  const handle = await openReal.apply(this, args);
  if (!handlesWrapped) {
    handlesWrapped = true;
    const prototype = Object.getPrototypeOf(handle);
    for (const name of [
      "write",
      "writev",
      "writeFile",
      "appendFile",
      "truncate",
      "sync",
      "datasync",
      "chmod",
      "chown",
      "utimes",
    ])
      wrapPromised(prototype, name, `${name}(handle)`);
  }
  return handle;
};
syncBuiltinESMExports();

module.exports = { arm };
