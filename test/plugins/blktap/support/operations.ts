import { createHash } from "node:crypto";

import type { ImageRef } from "../../../../src/core/model/index.js";
import type {
  DiskOperation,
  MergeStep,
  RevertStep,
  SnapshotStep,
} from "../../../../src/core/model/operation.js";
import type { OperationContext } from "../../../../src/core/ports/index.js";
import { readAsGuest } from "../../../formats/vhd/support/guest-vhd.js";

/** Plain disk operations, as the planner makes them for paths that stay. */
export const operations = {
  snapshot: (snapshot: string, disks: readonly SnapshotStep[]): DiskOperation => ({
    kind: "disks.snapshot",
    backend: "blktap",
    snapshot,
    disks,
  }),
  stage: (disks: readonly RevertStep[]): DiskOperation => ({
    kind: "disks.stage",
    backend: "blktap",
    snapshot: "s",
    disks,
  }),
  revert: (disks: readonly RevertStep[]): DiskOperation => ({
    kind: "disks.revert",
    backend: "blktap",
    snapshot: "s",
    disks,
  }),
  merge: (disks: readonly MergeStep[]): DiskOperation => ({
    kind: "disks.merge",
    backend: "blktap",
    snapshot: "s",
    disks,
  }),
};

export function image(path: string, format: "vhd" | "raw" = "vhd"): ImageRef {
  return { path, type: "file", format };
}

/** Freezes `active` under another name; the overlay takes its path. */
export function freeze(active: ImageRef, frozenPath: string): SnapshotStep {
  return {
    target: "xvda",
    mode: "external",
    image: active,
    file: image(active.path),
    freezeAs: { ...active, path: frozenPath },
    fileBefore: "absent",
  };
}

export function mergeStep(
  base: ImageRef,
  overlay: string,
  relink: readonly string[] = [],
): MergeStep {
  return {
    target: "xvda",
    base,
    overlay: image(overlay),
    relink: relink.map((path) => image(path)),
    keepsPath: true,
  };
}

export function hashOf(path: string, format = "vhd"): string {
  return createHash("sha256").update(readAsGuest(path, format)).digest("hex");
}

/** Collects what is warned of. */
export function contextOf(warnings: string[] = []): OperationContext {
  return {
    domain: { name: "guest", uuid: "d1ab0f3c-7a52-4c1e-9a3b-0d6f5e8c2b71" },
    signal: new AbortController().signal,
    progress: () => undefined,
    warn: (message) => warnings.push(message),
  };
}
