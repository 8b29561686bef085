import { DomsnapError } from "../errors/index.js";
import type { ImageRef } from "../model/index.js";

/** The one string by which a backend knows an image. */
export type Locator = ImageRef["path"];

/** An answer, or why there is none. */
export type Answer<Value> =
  | { readonly known: true; readonly value: Value }
  | { readonly known: false; readonly error: DomsnapError };

/** Throws the reason why there is no answer. */
export function valueOf<Value>(answer: Answer<Value> | undefined, locator: Locator): Value {
  const given = answer ?? neverAsked(locator);
  if (given.known) return given.value;
  throw given.error;
}

/** A question that was forgotten must not look like the answer "nothing". */
export function neverAsked(locator: Locator): never {
  throw new DomsnapError("internal-error", `nobody has looked at '${locator}'`);
}
