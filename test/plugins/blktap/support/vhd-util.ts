// Stands in for vhd-util, which Debian does not package: `coalesce` on real files, with what is
// recorded of the real one. It follows the path of the parent alone, without a look at UUIDs; takes
// the last 512 bytes of a file for its footer, so that a file without one loses a sector and nobody
// is told; complains on standard output; and its exit status is an errno value.
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";

import {
  heldRuns,
  parentByPath,
  readAsGuest,
  writeAsGuest,
} from "../../../formats/vhd/support/guest-vhd.js";

/** What a test orders to go wrong. */
export interface VhdUtilFault {
  /** How many of the runs are written; all when missing. */
  readonly runs?: number;
  readonly exit: number;
  readonly says?: string;
}

const SECTOR = 512;
const DIFFERENCING = 4;
const [folder = "", command = "", ...options] = process.argv.slice(2);
appendFileSync(`${folder}/vhd-util.log`, `${[command, ...options].join(" ")}\n`);

function end(status: number, says = ""): never {
  process.stdout.write(says);
  process.exit(status);
}

function fault(): VhdUtilFault | undefined {
  const file = `${folder}/vhd-util.fault`;
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as VhdUtilFault) : undefined;
}

function coalesce(child: string): never {
  const bytes = readFileSync(child);
  if (bytes.readUInt32BE(60) !== DIFFERENCING) end(22);
  const parent = parentByPath(child);
  if (readAsGuest(parent.path, parent.format).length < Number(bytes.readBigUInt64BE(48)))
    end(22, `${parent.path}: parent is too small\n`);
  const size = bytes.length;
  const isWhole = bytes.toString("latin1", size - SECTOR, size - SECTOR + 8) === "conectix";
  if (!isWhole)
    writeFileSync(child, Buffer.concat([bytes.subarray(0, size - SECTOR), Buffer.alloc(SECTOR)]));
  const runs = heldRuns(child);
  if (!isWhole) writeFileSync(child, bytes);
  const ordered = fault();
  let sectors = 0;
  for (const { sector, data } of runs.slice(0, ordered?.runs)) {
    const parentDies = { dies: ordered !== undefined && ordered.exit !== 0 };
    writeAsGuest(parent.path, parent.format, sector * SECTOR, data, parentDies);
    sectors += data.length / SECTOR;
  }
  if (ordered) end(ordered.exit, ordered.says);
  end(0, `Coalesced ${String(sectors)} sectors`);
}

const path = options[options.indexOf("-n") + 1];
if (command !== "coalesce") end(0, "usage: vhd-util COMMAND [OPTIONS]\n");
if (options[0] !== "-n" || path === undefined) end(22, "usage: vhd-util coalesce -n CHILD\n");
if (!statSync(path, { throwIfNoEntry: false })) end(2, `error opening ${path}: -2\n`);
coalesce(path);
