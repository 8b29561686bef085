import type { XmlElement } from "./element.js";

/** Placeholder until written. */
export function assertSnapshotSchema(_root: XmlElement): void {
  return;
}
