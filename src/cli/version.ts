/** The version of this package; a test holds it to package.json. */
export const VERSION = "0.1.0";

/** What `--version` prints: the number alone, or with what it runs on. */
export function formatVersion(type: "short" | "long" | undefined): string {
  if (type !== "long") return `${VERSION}\n`;
  return `domsnap ${VERSION}\nNode.js ${process.versions.node} on ${process.platform} ${process.arch}\n`;
}
