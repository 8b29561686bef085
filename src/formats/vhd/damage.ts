import { DomsnapError } from "../../core/errors/index.js";

/** The error for a file that is not what it says, or says what cannot be. */
export function damaged(path: string, reason: string, hint?: string): DomsnapError {
  return new DomsnapError(
    "disk-unsupported",
    `image '${path}' cannot be used: ${reason}`,
    hint === undefined ? {} : { hint },
  );
}
