import { join } from "node:path";

/** What a running guest has in `DIR/run/NAME`, for the owner of the folder only (0700). */
export interface RunFolder {
  readonly path: string;
  /** Written by QEMU, and removed by it when it ends in good order. */
  readonly pidFile: string;
  /** For those who change something: one client at a time, possibly for long. */
  readonly monitor: string;
  /** For a short question, while somebody works at the other one. */
  readonly queryMonitor: string;
  /** Where the guest agent is reached, if the definition has its channel. */
  readonly agent: string;
  /** There while the guest's file systems may be frozen for a snapshot. */
  readonly frozen: string;
  /** What the guest writes to its first serial port; begins anew at every start. */
  readonly console: string;
  /** QEMU's own complaints. */
  readonly log: string;
  /** The definition that the guest was started with. */
  readonly definition: string;
}

/** The paths of one guest; `name` has been checked to be the name of a file. */
export function runFolder(folder: string, name: string): RunFolder {
  const path = join(folder, "run", name);
  return {
    path,
    pidFile: join(path, "pid"),
    monitor: join(path, "monitor"),
    queryMonitor: join(path, "query"),
    agent: join(path, "agent"),
    frozen: join(path, "frozen"),
    console: join(path, "console.log"),
    log: join(path, "qemu.log"),
    definition: join(path, "definition.xml"),
  };
}
