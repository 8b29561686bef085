import type { Toolstack } from "../../ports/index.js";

/**
 * A warning for each definition that cannot be read: an image that only its domain uses looks free.
 * To refuse the work would let one stray file stop everything in its folder.
 */
export async function unknownUsers(toolstack: Toolstack): Promise<string[]> {
  const problems = (await toolstack.listProblems?.()) ?? [];
  return problems.map(
    ({ definition, reason }) =>
      `'${definition}' cannot be read (${reason}), so nobody can tell whether its domain uses these images`,
  );
}
