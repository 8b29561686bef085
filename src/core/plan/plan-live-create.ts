import type { Domain, DomainSnapshot } from "../model/index.js";
import { groupBy } from "./disk-images.js";
import type { BackendId, Capture, Operation, SnapshotStep } from "../model/operation.js";

/** One disk with the backend that freezes it. */
export interface AssignedStep extends SnapshotStep {
  readonly backend: BackendId;
}

export interface LiveFacts {
  /** Targets of the disks that are copied while the guest stands still. */
  readonly copied: ReadonlySet<string>;
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
 * is copied while the guest stands still, and the rest is taken at the end of that pause.
 */
export function planLiveCreate(
  domain: Domain,
  snapshot: DomainSnapshot,
  disks: readonly AssignedStep[],
  { copied, memory, live, pausesToSave, quiesce = false }: LiveFacts,
): Operation[] {
  const resume = domain.state === "running";
  const captured = disks.filter(({ target }) => !copied.has(target));
  const copies = snapshotOperations(
    snapshot.name,
    disks.filter(({ target }) => copied.has(target)),
  );
  // The agent answers only as long as the guest runs.
  const freeze: Operation[] = quiesce ? [{ kind: "domain.quiesce" }] : [];
  const thaw: Operation[] = quiesce ? [{ kind: "domain.thaw" }] : [];
  const pausesFirst = copies.length > 0 && resume;
  const save = pausesFirst && pausesToSave && memory && { snapshot: snapshot.name, memory };
  const pause: Operation[] = pausesFirst
    ? [{ kind: "domain.pause", ...(save ? { save } : {}) }]
    : [];
  if (captured.length === 0 && !memory) {
    const goOn: Operation[] = pausesFirst ? [{ kind: "domain.resume" }] : [];
    return [...freeze, ...pause, ...copies, ...goOn, ...thaw];
  }
  const capture: Capture = {
    snapshot: snapshot.name,
    disks: captured.map(withoutBackend),
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

/** One operation for each backend. */
export function snapshotOperations(snapshot: string, disks: readonly AssignedStep[]): Operation[] {
  return [...groupBy(disks, (disk) => disk.backend)].map(([backend, group]) => ({
    kind: "disks.snapshot" as const,
    backend,
    snapshot,
    disks: group.map(withoutBackend),
  }));
}

function withoutBackend({ backend: _backend, ...step }: AssignedStep): SnapshotStep {
  return step;
}
