import { createRequire } from "node:module";

/** The version of this package; the bundle has it built in. */
export const VERSION: string = process.env["DOMSNAP_VERSION"] ?? readPackageVersion();

function readPackageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require("../../package.json") as { version: string }).version;
}
