import { DomsnapError } from "../../../../src/core/errors/index.js";

/** The DomsnapError of a call; fails when it throws none. */
export function thrownBy(call: () => unknown): DomsnapError {
  try {
    call();
  } catch (thrown) {
    if (thrown instanceof DomsnapError) return thrown;
    throw thrown;
  }
  throw new Error("nothing was thrown");
}

/** The DomsnapError that a promise is rejected with; fails when it is not. */
export async function rejectionOf(promise: Promise<unknown>): Promise<DomsnapError> {
  let result: unknown;
  try {
    result = await promise;
  } catch (thrown) {
    if (thrown instanceof DomsnapError) return thrown;
    throw thrown;
  }
  throw new Error(`nothing was thrown, but there was ${JSON.stringify(result)}`);
}
