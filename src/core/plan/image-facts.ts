import { DomsnapError } from "../errors/index.js";
import type { ImageRef } from "../model/index.js";
import type { FileFact, ImageInfo } from "../ports/index.js";

/**
 * What was asked of images and of the host before a decision is made: decisions ask nobody. Each
 * fact is kept by the locator of what it is about: the one string by which a backend knows an image.
 * Whatever could not be looked at is told as that. Unknown is not absent: a decision that needs
 * the answer fails with the reason.
 */
export type Locator = ImageRef["path"];

/** An answer, or why there is none. */
export type Answer<Value> =
  | { readonly known: true; readonly value: Value }
  | { readonly known: false; readonly error: DomsnapError };

/** What an image is known to be. */
export type ImageState =
  | { readonly is: "seen"; readonly info: ImageInfo }
  | { readonly is: "missing"; readonly error: DomsnapError }
  | { readonly is: "unreadable"; readonly error: DomsnapError };

/** What is known of images. */
export interface ImageFacts {
  /** Which images stand on an image. */
  readonly dependents: ReadonlyMap<Locator, Answer<readonly Locator[]>>;
  readonly states: ReadonlyMap<Locator, ImageState>;
  /** What other domains of the toolstack open. */
  readonly foreign: ReadonlySet<Locator>;
}

/** What stands at the names of files that are to be made, or read. */
export type Places = ReadonlyMap<Locator, FileFact>;

/** The images that stand on an image. Throws what has kept them from being found. */
export function dependentsOf({ dependents }: ImageFacts, { path }: ImageRef): readonly Locator[] {
  return valueOf(dependents.get(path), path);
}

/** What an image says of itself. Throws `image-missing`, and what has kept it from being read. */
export function infoOf({ states }: ImageFacts, { path }: ImageRef): ImageInfo {
  const state = states.get(path) ?? neverAsked(path);
  if (state.is === "seen") return state.info;
  throw state.error;
}

/** Throws the reason why there is no answer. */
export function valueOf<Value>(answer: Answer<Value> | undefined, locator: Locator): Value {
  const given = answer ?? neverAsked(locator);
  if (given.known) return given.value;
  throw given.error;
}

/** What stands at a place. */
export function standsAt(places: Places, place: Locator): FileFact {
  return places.get(place) ?? neverAsked(place);
}

/** A question that was forgotten must not look like the answer "nothing". */
function neverAsked(locator: Locator): never {
  throw new DomsnapError("internal-error", `nobody has looked at '${locator}'`);
}
