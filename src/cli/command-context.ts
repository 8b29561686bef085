import { resolve } from "node:path";

import { asDomsnapError } from "../core/errors/index.js";
import type { ProgressEvent } from "../core/execute/progress-event.js";
import type { ChangeOptions } from "../core/operations/shared/results.js";
import type { SnapshotService } from "../core/operations/snapshot-service.js";
import { CommandError, usageError } from "./command-error.js";
import type { CommandContext } from "./command-spec.js";
import { editText } from "./editor.js";
import type { AnyOption, CommandArguments, RequiredOption } from "./grammar/command-arguments.js";
import type { ChangeOption } from "./grammar/command-syntax.js";

/** What the session gives to each of its commands. */
export interface ContextSource extends Pick<
  CommandContext,
  | "table"
  | "uri"
  | "env"
  | "quiet"
  | "dryRun"
  | "signal"
  | "service"
  | "connect"
  | "tell"
  | "plugins"
> {
  readonly onProgress: (event: ProgressEvent) => void;
  readonly ask: CommandContext["ask"] | undefined;
}

/** The view that one command has of its session. */
export function createContext(
  args: CommandArguments<AnyOption>,
  source: ContextSource,
): CommandContext<AnyOption> {
  const { table, uri, env, quiet, signal, service, connect, tell, plugins, onProgress, ask } =
    source;
  const common: CommandArguments<ChangeOption | RequiredOption<"domain">> = args;
  const resolved = async <Found>(
    find: (service: SnapshotService, reference: string) => Promise<Found>,
  ): Promise<Found> => {
    const reference = common.requiredText("domain");
    return findDomain(reference, find(await service(), reference));
  };
  const dryRun = source.dryRun || common.has("dry-run");
  return {
    args,
    table,
    uri,
    env,
    quiet,
    dryRun,
    signal,
    service,
    connect,
    tell,
    plugins,
    domain: () => resolved((one, reference) => one.findDomain(reference)),
    identity: () => resolved((one, reference) => one.identify(reference)),
    glance: () => resolved((one, reference) => one.glance(reference)),
    changeOptions: () => ({
      dryRun,
      signal,
      onProgress,
      ...lockTimeout(common),
      ...assumeLost(common),
      ...trustFolders(common),
    }),
    edit: (text) => editText(text, env),
    ask: ask ?? (() => Promise.resolve(undefined)),
  };
}

async function findDomain<Found>(reference: string, found: Promise<Found>): Promise<Found> {
  try {
    return await found;
  } catch (thrown) {
    const reason = asDomsnapError(thrown);
    if (reason.code !== "no-domain") throw reason;
    throw new CommandError([`failed to get domain '${reference}'`], reason);
  }
}

function assumeLost(args: CommandArguments<ChangeOption>): Pick<ChangeOptions, "assumeLost"> {
  const lost = args.list("assume-lost");
  return lost.length === 0 ? {} : { assumeLost: lost };
}

function trustFolders(args: CommandArguments<ChangeOption>): Pick<ChangeOptions, "trustFolders"> {
  const folders = args.list("trust-folder");
  return folders.length === 0 ? {} : { trustFolders: folders.map((folder) => resolve(folder)) };
}

function lockTimeout(args: CommandArguments<ChangeOption>): Pick<ChangeOptions, "lockTimeoutMs"> {
  const seconds = args.text("lock-timeout");
  if (seconds === undefined) return {};
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(seconds))
    throw usageError(
      `Numeric value '${seconds}' for <lock-timeout> option is malformed or out of range`,
    );
  return { lockTimeoutMs: Number(seconds) * 1000 };
}
