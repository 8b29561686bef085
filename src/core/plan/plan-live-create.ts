import type { Domain, DomainSnapshot } from "../model/index.js";
import { byBackend, unassigned, type Assigned } from "./assigned.js";
import type { Capture, CaptureStep, SnapshotStep, UndoableOperation } from "../model/index.js";

/** One disk with the backend that freezes it. */
export type AssignedStep = Assigned<SnapshotStep>;

export interface LiveFacts {
  /** Where the memory goes, if it is taken. */
  readonly memory?: Capture["memory"];
  /** Rather let the guest run while its memory is saved (libvirt's LIVE). */
  readonly live: boolean;
  /** See `Toolstack.pausesToSave`. */
  readonly pausesToSave?: boolean;
  /** Whether the guest's agent freezes its file systems meanwhile (libvirt's QUIESCE). */
  readonly quiesce?: boolean;
}

/**
 * Freezes the disks and the memory of an active guest at one instant. What the hypervisor itself
 * can freeze is made ready while the guest runs and taken in a moment; a disk that has to be copied
 * is copied while the guest is paused, and the rest is taken at the end of that pause.
 */
export function planLiveCreate(
  domain: Domain,
  snapshot: DomainSnapshot,
  disks: readonly AssignedStep[],
  { memory, live, pausesToSave, quiesce = false }: LiveFacts,
): UndoableOperation[] {
  const resume = domain.state === "running";
  const captured = disks.filter(isCaptured);
  const copies = snapshotOperations(
    snapshot.name,
    disks.filter((step) => !isCaptured(step)),
    { open: true },
  );
  // The agent answers only as long as the guest runs.
  const freeze: UndoableOperation[] = quiesce ? [{ kind: "domain.quiesce" }] : [];
  const thaw: UndoableOperation[] = quiesce ? [{ kind: "domain.thaw" }] : [];
  const pausesFirst = copies.length > 0 && resume;
  const save = pausesFirst && pausesToSave && memory && { snapshot: snapshot.name, memory };
  const pause: UndoableOperation[] = pausesFirst
    ? [{ kind: "domain.pause", ...(save ? { save } : {}) }]
    : [];
  if (captured.length === 0 && !memory) {
    const goOn: UndoableOperation[] = pausesFirst ? [{ kind: "domain.resume" }] : [];
    return [...freeze, ...pause, ...copies, ...goOn, ...thaw];
  }
  const capture: Capture = {
    snapshot: snapshot.name,
    disks: captured.map(unassigned<CaptureStep>),
    ...(memory ? { memory } : {}),
    ...(save ? { memorySaved: true } : {}),
    resume,
    live,
  };
  return [
    { kind: "domain.prepare-capture", ...capture },
    ...freeze,
    ...pause,
    ...copies,
    { kind: "domain.capture", ...capture },
    ...thaw,
  ];
}

/** Whether the hypervisor freezes the disk; everything else is done while the guest is paused. */
function isCaptured(step: AssignedStep): step is Assigned<CaptureStep> {
  return step.keeps === "inside" || step.keeps === "overlay";
}

/** One operation for each backend. */
export function snapshotOperations(
  snapshot: string,
  disks: readonly AssignedStep[],
  guest: { readonly open?: true } = {},
): UndoableOperation[] {
  return byBackend<SnapshotStep, UndoableOperation>(disks, (backend, steps) => ({
    kind: "disks.snapshot",
    backend,
    snapshot,
    disks: steps,
    ...guest,
  }));
}
