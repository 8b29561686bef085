import type { DomsnapError } from "../errors/index.js";
import type { ImageRef } from "../model/index.js";
import type { FileFact, ImageInfo } from "../ports/index.js";
import { neverAsked, type Locator } from "./answer.js";
import type { ImageNeeds } from "./image-needs.js";
import type { Trust } from "./trust.js";

/**
 * What was asked of images and of the host before a decision is made: decisions ask nobody. Each
 * fact is kept by the locator of what it is about. Whatever could not be looked at is told as that.
 * Unknown is not absent: a decision that needs the answer fails with the reason.
 */
export interface ImageFacts {
  readonly needs: ImageNeeds;
  readonly states: ReadonlyMap<Locator, ImageState>;
  readonly trust: Trust;
}

/** What an image is known to be. */
export type ImageState =
  | { readonly is: "seen"; readonly info: ImageInfo }
  | { readonly is: "missing"; readonly error: DomsnapError }
  | { readonly is: "unreadable"; readonly error: DomsnapError };

/** What stands at the names of files that are to be made, or read. */
export type Places = ReadonlyMap<Locator, FileFact>;

/** What an image says of itself. Throws `image-missing`, and what has kept it from being read. */
export function infoOf({ states }: Pick<ImageFacts, "states">, { path }: ImageRef): ImageInfo {
  const state = states.get(path) ?? neverAsked(path);
  if (state.is === "seen") return state.info;
  throw state.error;
}

/** What stands at a place. */
export function standsAt(places: Places, place: Locator): FileFact {
  return places.get(place) ?? neverAsked(place);
}
