import { VERSION } from "../host/package-version.js";

export { VERSION };

/** What `--version` prints: the number alone, or with what it runs on. */
export function formatVersion(type: "short" | "long" | undefined): string {
  if (type !== "long") return `${VERSION}\n`;
  return `domsnap ${VERSION}\nNode.js ${process.versions.node} on ${process.platform} ${process.arch}\n`;
}
