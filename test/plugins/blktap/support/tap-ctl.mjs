#!/usr/bin/env node
// Stands in for tap-ctl, which Debian does not package: keeps the state of tapdisks in a file and
// answers as version 4 does (exit status = errno, text on standard error). A tapdisk here has no
// process; opening a chain checks the parents' UUIDs, as a real one does.
import { readFileSync, writeFileSync, appendFileSync } from "node:fs";
import { dirname, resolve } from "node:path";

const folder = process.env.FAKE_TAP_CTL ?? dirname(process.argv[1]);
const stateFile = `${folder}/state.json`;
const state = JSON.parse(readFileSync(stateFile, "utf8"));
const [command, ...args] = process.argv.slice(2);
const option = (name) => args[args.indexOf(name) + 1];
appendFileSync(`${folder}/log`, `${[command, ...args].join(" ")}\n`);

const PAUSED = 0x2a;
const RESUME_FAILED = 0x200;
const disk = () =>
  state.tapdisks.find(
    ({ pid, minor }) => String(pid) === option("-p") && String(minor) === option("-m"),
  );

/** The next fault that a test has ordered for this command: `{ exit, does, hangs }`. */
function takeFault() {
  const fault = (state.faults?.[command] ?? []).shift();
  save();
  return fault;
}

function save() {
  writeFileSync(stateFile, JSON.stringify(state));
}

function fail(status, text) {
  console.error(text);
  process.exit(status);
}

function list() {
  for (const { pid, minor, state: bits, type, path } of state.tapdisks) {
    const hex = bits === 0 ? "0" : `0x${bits.toString(16)}`;
    if (state.generation === "columns") console.log(`${pid} ${minor} ${hex} ${type} ${path}`);
    else console.log(`pid=${pid} minor=${minor} state=${hex} args=${type}:${path}`);
  }
  console.log("minor=77");
  console.log("pid=4711");
}

function stats() {
  const found = disk();
  if (!found) return console.log("");
  const images = (found.state & 0x20) === 0 ? found.chain : [];
  const described = images.map((name) => ({
    name,
    hits: [0, 0],
    driver: { type: 4, name: "vhd" },
  }));
  console.log(
    JSON.stringify({ name: `${found.type}:${found.path}`, secs: [0, 0], images: described }),
  );
  console.log("");
}

function pause() {
  const found = disk() ?? fail(19, "pause failed: No such device");
  const fault = takeFault();
  if (!fault || fault.does) {
    found.state |= PAUSED;
    save();
  }
  end(fault);
}

function unpause() {
  const found = disk() ?? fail(19, "unpause failed: No such device");
  if ((found.state & 0x20) === 0) fail(22, "unpause failed: Invalid argument");
  const fault = takeFault();
  try {
    if (fault && !fault.does) throw new Error("ordered");
    found.chain = openChain(found.path, found.type);
    found.state = 0;
    save();
  } catch (error) {
    found.state |= RESUME_FAILED;
    save();
    if (!fault) fail(22, `unpause failed: ${error.message}`);
  }
  end(fault);
}

function end(fault) {
  if (fault?.hangs) setTimeout(() => undefined, 60_000);
  else if (fault) fail(fault.exit ?? 5, `${command} failed: Input/output error`);
}

function openChain(path, type) {
  if (type !== "vhd") return [path];
  const file = readFileSync(path);
  const footer = file.subarray(-512);
  if (footer.toString("latin1", 0, 8) !== "conectix") throw new Error("primary footer invalid");
  if (footer.readUInt32BE(60) !== 4) return [path];
  const header = file.subarray(512, 1536);
  const at = Number(header.readBigUInt64BE(576 + 16));
  const url = file.toString("utf8", at, at + header.readUInt32BE(576 + 8));
  const parent = resolve(dirname(path), url.slice("file://".length));
  const uuid = header.subarray(40, 56);
  if (uuid.every((byte) => byte === 0)) return [path, parent];
  const chain = openChain(parent, "vhd");
  if (!readFileSync(parent).subarray(-512).subarray(68, 84).equals(uuid))
    throw new Error("parent uuid has changed");
  return [path, ...chain];
}

const commands = { list, stats, pause, unpause };
if (commands[command]) commands[command]();
else console.log("usage: tap-ctl <command> [args...]");
