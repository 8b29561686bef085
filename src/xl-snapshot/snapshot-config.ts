import { parseXlCfg, xlText, type XlConfig } from "../formats/xl-cfg/index.js";
import { readInformationKeys } from "./information-file.js";
import { invalidFile } from "./invalid-file.js";
import type { ToolstackDiskSnapshot } from "./toolstack-snapshot.js";

/** What the RFC's `snapshot-create` is asked for, by its file or its options; all may be missing. */
export interface SnapshotWish {
  readonly name?: string;
  readonly description?: string;
  /** False leaves the memory out; a text is the file that it goes to, which may be relative. */
  readonly memory?: boolean | string;
  /** For all disks that do not say it themselves. */
  readonly type?: "internal" | "external";
  /** Save the memory while the guest runs. */
  readonly live?: boolean;
  readonly disks: readonly ToolstackDiskSnapshot[];
}

export interface SnapshotConfig {
  readonly wish: SnapshotWish;
  /** What the file says without effect, a sentence each. */
  readonly warnings: readonly string[];
}

/** Keys that mean something, those of the second proposal among them. */
const KNOWN = new Set(
  [
    ["name", "description", "creationtime", "save", "memory", "type", "live", "disk_only", "disk"],
    ["snapshot_name", "snapshot_creationtime", "snapshot_save"],
  ].flat(),
);

/**
 * Reads the ConfigFile of the RFC's `snapshot-create`: the keys of the information file, and
 * `memory` of the prototype ("yes", "no" or a file). Throws `invalid-argument` for wrong syntax,
 * for values that a key cannot have, and for keys that contradict each other.
 */
export function parseSnapshotConfig(text: string, fileName: string): SnapshotConfig {
  const config = parseXlCfg(text, fileName);
  const keys = readInformationKeys(config, fileName);
  for (const name of ["live", "disk_only"]) assertSwitch(config, name, fileName);
  const memory = memoryOf(config, keys, fileName);
  const { name, description, type, live, disks } = keys;
  return {
    wish: {
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
      ...(memory !== undefined && { memory }),
      ...(type && { type }),
      ...(live !== undefined && { live }),
      disks,
    },
    warnings: warningsOf(config, fileName),
  };
}

function memoryOf(
  config: XlConfig,
  { memoryFile, diskOnly }: ReturnType<typeof readInformationKeys>,
  fileName: string,
): SnapshotWish["memory"] {
  const word = xlText(config, "memory");
  const told = word === "yes" ? true : word === "no" ? false : word;
  if (memoryFile !== undefined && told !== undefined)
    throw invalidFile(
      fileName,
      "'save' and 'memory' both tell where the memory goes; leave one out",
    );
  const memory = memoryFile ?? told;
  if (memory !== undefined && diskOnly !== undefined && diskOnly === (memory !== false))
    throw invalidFile(
      fileName,
      `'disk_only' contradicts '${memoryFile === undefined ? "memory" : "save"}'; leave one out`,
    );
  return memory ?? (diskOnly === undefined ? undefined : !diskOnly);
}

function assertSwitch(config: XlConfig, name: string, fileName: string): void {
  const word = xlText(config, name);
  if (word === undefined || ["yes", "no", "1", "0"].includes(word)) return;
  throw invalidFile(fileName, `'${name}' is "yes" or "no", not "${word}"`);
}

function warningsOf({ settings }: XlConfig, fileName: string): string[] {
  const names = [...settings.keys()];
  return [
    ...names
      .filter((name) => name === "creationtime" || name === "snapshot_creationtime")
      .map((name) => `${fileName}: '${name}' has no effect: the time is that of the snapshot`),
    ...names
      .filter((name) => !KNOWN.has(name))
      .map((name) => `${fileName}: '${name}' is not known and has no effect`),
  ];
}
