import type { SnapshotService } from "../core/operations/snapshot-service.js";
import type { PluginPart } from "../plugin-loader/index.js";

/** The plugins of one run: those of domsnap, and what the configuration and the user name. */
export interface PluginSet {
  /** Opens what stands behind a URI. */
  readonly openService: (uri: string) => Promise<SnapshotService>;
  /** What they add, built-in parts first. */
  readonly list: () => Promise<readonly PluginPart[]>;
}

/**
 * Reads the configuration and loads the plugins that it names and these ones. Throws
 * `config-invalid` and `plugin-unusable`.
 */
export type LoadPlugins = (named: readonly string[]) => Promise<PluginSet>;
