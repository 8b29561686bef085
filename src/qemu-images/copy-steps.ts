import { DomsnapError } from "../core/errors/index.js";

/** A step of any operation on disks that are kept in some way. */
interface KeptStep {
  readonly keeps: string;
  readonly target: string;
}

/**
 * The steps of an operation for a backend whose `externalKind` is `copy`: it gets no others. Throws
 * `internal-error`.
 */
export function copySteps<Step extends KeptStep>(
  steps: readonly Step[],
): Extract<Step, { readonly keeps: "copy" }>[] {
  return steps.map((step) => {
    if (isCopy(step)) return step;
    const { target, keeps } = step;
    throw new DomsnapError(
      "internal-error",
      `disk '${target}' is kept as '${keeps}', not in a copy`,
    );
  });
}

function isCopy<Step extends KeptStep>(
  step: Step,
): step is Extract<Step, { readonly keeps: "copy" }> {
  return step.keeps === "copy";
}
