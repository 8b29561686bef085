import type { SnapshotHead } from "../core/model/index.js";
import { parseSnapshot } from "./snapshot.js";

/** The light part of a record. */
export function parseSnapshotHead(text: string): SnapshotHead {
  const {
    domain: _d,
    domainUuid: _u,
    inactiveDomain: _i,
    cookie: _c,
    ...head
  } = parseSnapshot(text, { redefine: true });
  return { ...head, name: head.name ?? "" };
}
