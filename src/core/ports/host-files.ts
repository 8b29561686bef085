/** What stands at a path, links followed. */
export type FileFact =
  | { readonly kind: "absent" }
  | { readonly kind: "regular"; readonly sizeBytes: number }
  | { readonly kind: "block" }
  | { readonly kind: "other" }
  /** stat failed for another reason; `reason` is strerror's text. */
  | { readonly kind: "unknown"; readonly reason: string };

/** Asks the host what stands at a path. Synchronous: the rules and `xml check` are. */
export type FileProbe = (path: string) => FileFact;
export const FileProbe = Symbol.for("domsnap.FileProbe");
