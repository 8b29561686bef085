/** Runs `npm ci` where node_modules is missing or older than the lock file. */
export function ensureNodeModules(): void;
/** Builds where the build is missing or older than the sources. */
export function ensureBuilt(): void;
