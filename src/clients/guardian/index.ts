export { GuestWatch, GuestWatches } from "./guest-watch.js";
export type { LastWill } from "./last-will.js";
