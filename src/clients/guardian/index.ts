export { GuestWatch, GuestWatches } from "./guest-watch.js";
export type { ChangeOver, LastWill } from "./last-will.js";
