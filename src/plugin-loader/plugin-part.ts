/** What a plugin can add. */
export type PluginKind =
  "disk-backend" | "image-inspector" | "toolstack" | "import-source" | "export-format";

/** One thing that a plugin adds. */
export interface PluginPart {
  readonly kind: PluginKind;
  /** Unique among those of its kind: of a toolstack the scheme of its URIs. */
  readonly id: string;
  readonly summary?: string;
  /** The file of the plugin; missing for what comes with domsnap. */
  readonly file?: string;
}
