import { expect } from "chai";

import { DomsnapError, type ErrorCode } from "../core/errors/index.js";

/** Expects a call to fail with a DomsnapError of a code, and returns it. */
export async function expectError(
  work: Promise<unknown> | (() => unknown),
  code: ErrorCode,
  detail?: string | RegExp,
): Promise<DomsnapError> {
  const error = await failureOf(work);
  expect(error, String(error)).to.be.instanceOf(DomsnapError);
  const failure = error as DomsnapError;
  expect(failure.code, failure.message).to.equal(code);
  if (detail instanceof RegExp) expect(failure.detail).to.match(detail);
  else if (detail !== undefined) expect(failure.detail).to.equal(detail);
  return failure;
}

async function failureOf(work: Promise<unknown> | (() => unknown)): Promise<unknown> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (thrown) {
    return thrown;
  }
  throw new Error("the call succeeded where it had to fail");
}
