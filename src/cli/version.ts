import { createRequire } from "node:module";

/** The version of this package; the bundle has it built in. */
export const VERSION: string = process.env["DOMSNAP_VERSION"] ?? readPackageVersion();

function readPackageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require("../../package.json") as { version: string }).version;
}

/** What `--version` prints: the number alone, or with what it runs on. */
export function formatVersion(type: "short" | "long" | undefined): string {
  if (type !== "long") return `${VERSION}\n`;
  return `domsnap ${VERSION}\nNode.js ${process.versions.node} on ${process.platform} ${process.arch}\n`;
}
