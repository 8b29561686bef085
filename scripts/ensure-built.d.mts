/** Runs `npm ci` where node_modules is missing or older than the lock file; throws when that fails. */
export function ensureNodeModules(): void;
/** Builds where the build is missing or older than the sources; throws when that fails. */
export function ensureBuilt(): void;
/** From now on what is built stays as it is, for us and what we start. */
export function keepBuilt(): void;
