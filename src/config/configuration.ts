import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { readSourceFile } from "../host/read-source-file.js";
import { errnoOf } from "../host/system-error.js";
import { findDistrust } from "../host/trusted-path.js";
import type { ConfigurationValues } from "./configuration-file.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** A plugin that a configuration file names. */
export interface ConfiguredPlugin {
  readonly specifier: string;
  /** What relative paths are relative to: the folder of the file. */
  readonly folder: string;
  /** The file. */
  readonly namedBy: string;
}

/** What the configuration files say together. */
export interface Configuration {
  readonly plugins: readonly ConfiguredPlugin[];
  /** The disk backend that the user prefers on this connection. */
  readonly backendFor: (uri: string) => string | undefined;
}

const SYSTEM_FILE = "/etc/domsnap/config.json";
const LIMIT_BYTES = 1024 * 1024;
const NOT_THERE: ReadonlySet<string | undefined> = new Set(["ENOENT", "ENOTDIR"]);
/** Who works as another user (`runuser -u`) may have root's HOME, and cannot look into that. */
const NOT_MINE: ReadonlySet<string | undefined> = new Set([...NOT_THERE, "EACCES"]);

const NOTHING: Configuration = { plugins: [], backendFor: () => undefined };

interface Place {
  readonly path: string;
  /** What the open may fail with, and there is just no configuration. */
  readonly tolerates: ReadonlySet<string | undefined>;
}

interface ReadFile {
  readonly path: string;
  readonly values: ConfigurationValues;
}

/**
 * Reads `/etc/domsnap/config.json` and the user's own file, which wins key by key, or in their place
 * the one that DOMSNAP_CONFIG names (none if that is empty). A file that is not there costs one
 * failed open. Throws `config-invalid`: what is wrong, where, and for root also when others than
 * root could have written the file.
 */
export async function readConfiguration(env: Environment): Promise<Configuration> {
  const texts = placesOf(env).flatMap((place) => {
    const text = readIfThere(place);
    return text === undefined ? [] : [{ path: place.path, text }];
  });
  if (texts.length === 0) return NOTHING;
  const { parseConfiguration } = await import("./configuration-file.js");
  return merge(texts.map(({ path, text }) => ({ path, values: parseConfiguration(text, path) })));
}

/** Later ones win. */
function placesOf(env: Environment): Place[] {
  const named = env["DOMSNAP_CONFIG"];
  if (named !== undefined)
    return named === "" ? [] : [{ path: resolve(named), tolerates: new Set() }];
  return [
    { path: SYSTEM_FILE, tolerates: NOT_THERE },
    { path: join(configHome(env), "domsnap/config.json"), tolerates: NOT_MINE },
  ];
}

/** By the XDG base directory specification, which has a relative path ignored. */
function configHome(env: Environment): string {
  const named = env["XDG_CONFIG_HOME"];
  if (named !== undefined && isAbsolute(named)) return named;
  return join(env["HOME"] ?? homedir(), ".config");
}

function readIfThere({ path, tolerates }: Place): string | undefined {
  let text: string;
  try {
    text = readSourceFile(path, LIMIT_BYTES).toString("utf8");
  } catch (thrown) {
    const { cause, message } = thrown as Error;
    if (tolerates.has(errnoOf(cause))) return undefined;
    throw new DomsnapError("config-invalid", message, { cause: thrown });
  }
  assertTrusted(path);
  return text;
}

/** Root carries out what the file says, plugins included. */
function assertTrusted(path: string): void {
  if (process.geteuid?.() !== 0) return;
  const distrust = findDistrust(path);
  if (distrust)
    throw new DomsnapError("config-invalid", `${path}: not used by root: ${distrust.reason}`, {
      hint: `If it is yours: ${distrust.remedy}`,
    });
}

function merge(files: readonly ReadFile[]): Configuration {
  const connections = new Map<string, { readonly backend?: string | undefined }>();
  for (const { values } of files)
    for (const [uri, own] of Object.entries(values.connections ?? {}))
      connections.set(plainUri(uri), { ...connections.get(plainUri(uri)), ...own });
  const naming = files.findLast(({ values }) => values.plugins !== undefined);
  const backend = files.findLast(({ values }) => values.backend !== undefined)?.values.backend;
  return {
    plugins: naming ? pluginsOf(naming) : [],
    backendFor: (uri) => connections.get(plainUri(uri))?.backend ?? backend,
  };
}

function pluginsOf({ path, values }: ReadFile): ConfiguredPlugin[] {
  return (values.plugins ?? []).map((specifier) => ({
    specifier,
    folder: dirname(path),
    namedBy: path,
  }));
}

/** `file:///srv/vms/` is the same connection as `file:///srv/vms`. */
function plainUri(uri: string): string {
  return uri.replace(/(?<=[^/:])\/+$/, "");
}
