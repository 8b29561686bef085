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
  /** Where files of every domain may be, with all below. */
  readonly trustedFolders: readonly string[];
  /** The disk backend that the user prefers on a connection. */
  readonly backendFor: (uri: string) => string | undefined;
}
