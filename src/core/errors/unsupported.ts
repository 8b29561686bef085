import { DomsnapError } from "./domsnap-error.js";

/** A configuration that cannot be had, in libvirt's words (VIR_ERR_CONFIG_UNSUPPORTED). */
export function unsupported(detail: string): DomsnapError {
  return new DomsnapError("config-unsupported", detail);
}
