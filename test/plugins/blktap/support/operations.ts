import { createHash } from "node:crypto";

import type {
  DiskOperation,
  ImageRef,
  MergeStep,
  RevertStep,
  SnapshotStep,
} from "../../../../src/core/model/index.js";
import type { OperationContext } from "../../../../src/core/ports/index.js";
import { TestEvidence } from "../../../../src/testing/index.js";
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
    keeps: "renamed",
    target: "xvda",
    image: active,
    frozen: { ...active, path: frozenPath },
    overlay: image(active.path),
    before: "absent",
  };
}

/** Goes back to `frozen`; a new overlay takes the place of the present one. */
export function goBack(frozen: ImageRef, overlay: string): RevertStep {
  return { keeps: "overlay", target: "xvda", image: frozen, overlay: image(overlay) };
}

export function mergeStep(
  base: ImageRef,
  overlay: string,
  relink: readonly string[] = [],
): MergeStep {
  return {
    into: "renamed",
    target: "xvda",
    base,
    overlay: image(overlay),
    relink: relink.map((path) => image(path)),
  };
}

export function hashOf(path: string, format = "vhd"): string {
  return createHash("sha256").update(readAsGuest(path, format)).digest("hex");
}

/** Collects what is warned of. */
export function contextOf(warnings: string[] = []): OperationContext {
  return {
    domain: { name: "guest", uuid: "d1ab0f3c-7a52-4c1e-9a3b-0d6f5e8c2b71" },
    evidence: new TestEvidence(),
    commit: () => Promise.resolve(),
    signal: new AbortController().signal,
    progress: () => undefined,
    warn: (message) => warnings.push(message),
  };
}
