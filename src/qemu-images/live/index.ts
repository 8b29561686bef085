export { GuestCapture } from "./capture-guest.js";
export { GuestImages } from "./guest-images.js";
export { loadInternal } from "./internal-live.js";
export { imageIdentity, type ImageMove, type LiveGuest, type PauseGuard } from "./live-guest.js";
