import { dirname } from "node:path";

import { DomsnapError } from "../core/errors/index.js";
import { readSourceFile } from "../host/read-source-file.js";
import { findDistrust } from "../host/trusted-path.js";
import type { Configuration, ConfiguredPlugin } from "./configuration.js";
import { parseConfiguration, type ConfigurationValues } from "./configuration-file.js";

const LIMIT_BYTES = 1024 * 1024;

interface ReadFile {
  readonly path: string;
  readonly values: ConfigurationValues;
}

/** See `readConfiguration`; each file has to be there. Later ones win. */
export function readConfigurationFiles(paths: readonly string[]): Configuration {
  return merge(
    paths.map((path) => {
      const text = readText(path);
      assertTrusted(path);
      return { path, values: parseConfiguration(text, path) };
    }),
  );
}

function readText(path: string): string {
  try {
    return readSourceFile(path, LIMIT_BYTES).toString("utf8");
  } catch (thrown) {
    throw new DomsnapError("config-invalid", (thrown as Error).message, { cause: thrown });
  }
}

/** Root carries out what the file says, plugins included. */
function assertTrusted(path: string): void {
  if (process.geteuid?.() !== 0) return;
  const distrust = findDistrust(path);
  if (distrust)
    throw new DomsnapError("config-invalid", `${path}: not used by root: ${distrust.reason}`, {
      hint: `Run ${distrust.command} if it is yours.`,
    });
}

function merge(files: readonly ReadFile[]): Configuration {
  const connections = new Map<string, { readonly backend?: string | undefined }>();
  for (const { values } of files)
    for (const [uri, own] of Object.entries(values.connections ?? {}))
      connections.set(plainUri(uri), { ...connections.get(plainUri(uri)), ...own });
  const naming = files.findLast(({ values }) => values.plugins !== undefined);
  const backend = files.findLast(({ values }) => values.backend !== undefined)?.values.backend;
  const trusting = files.findLast(({ values }) => values.trustedFolders !== undefined);
  return {
    trustedFolders: trusting?.values.trustedFolders ?? [],
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
