import type { BackendId } from "../model/index.js";
import { groupBy } from "./disk-images.js";

/** A step with the backend that carries it out. */
export type Assigned<Step> = Step & { readonly backend: BackendId };

/** The step alone, as operations hold it. */
export function unassigned<Step extends object>({ backend: _, ...step }: Assigned<Step>): Step {
  // The compiler cannot see that all of a generic type but one property of another is left.
  return step as unknown as Step;
}

/** One operation for each backend, in the order of their first steps. */
export function byBackend<Step extends object, Made>(
  steps: readonly Assigned<Step>[],
  operation: (backend: BackendId, steps: Step[]) => Made,
): Made[] {
  return [...groupBy(steps, ({ backend }) => backend)].map(([backend, group]) =>
    operation(backend, group.map(unassigned<Step>)),
  );
}
