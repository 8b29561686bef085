import type { ChangeResult } from "../../core/operations/results.js";
import type { Operation, Plan } from "../../core/plan/operation.js";
import { safeText } from "./display-text.js";

/** The plans of a dry run for people: what would happen, in order, and from where on for good. */
export function formatPlans(result: ChangeResult): string {
  const plans = result.plans.map(formatPlan);
  if (plans.length === 0) plans.push("Nothing to do.\n");
  const planned = new Set(result.plans.flatMap((plan) => plan.warnings));
  const others = result.warnings.filter((warning) => !planned.has(warning));
  return [...plans, ...others.map(formatWarning)].join("");
}

function formatPlan(plan: Plan): string {
  const steps = plan.operations.flatMap((operation, index) => [
    ...(index === plan.commitAt ? ["  -- from here on it is carried through --\n"] : []),
    `  ${index + 1}. ${describe(operation).map(safeText).join("\n       ")}\n`,
  ]);
  const title = `Plan: ${titleOf(plan)}`;
  return [`${safeText(title)}\n`, ...steps, ...plan.warnings.map(formatWarning)].join("");
}

function titleOf({ verb, snapshot, domain }: Plan): string {
  switch (verb) {
    case "revert":
      return `revert domain '${domain.name}' to snapshot '${snapshot}'`;
    case "undefine":
      return `undefine domain '${domain.name}'`;
    case "create":
    case "redefine":
    case "delete":
      return `${verb} snapshot '${snapshot}' of domain '${domain.name}'`;
  }
}

function formatWarning(warning: string): string {
  return `  Warning: ${safeText(warning)}\n`;
}

/** One operation: a line, and one more for each disk. */
function describe(operation: Operation): string[] {
  switch (operation.kind) {
    case "disks.snapshot":
      return [
        `freeze disks with ${operation.backend}`,
        ...operation.disks.map(({ target, mode, image, file }) =>
          file === undefined
            ? `${target}: ${mode} in ${image.path}`
            : `${target}: ${mode}, ${image.path} -> ${file.path} (${file.format})`,
        ),
      ];
    case "disks.stage":
      return [
        `prepare the revert of disks with ${operation.backend}`,
        ...operation.disks.map(describeRevertStep),
      ];
    case "disks.revert":
      return [`revert disks with ${operation.backend}`, ...operation.disks.map(describeRevertStep)];
    case "disks.remove":
      return [
        `remove snapshots of disks with ${operation.backend}`,
        ...operation.disks.map(
          ({ target, mode, image, file }) => `${target}: ${mode} in ${(file ?? image).path}`,
        ),
      ];
    case "disks.merge":
      return [
        `merge overlays with ${operation.backend}`,
        ...operation.disks.flatMap(({ target, base, overlay, relink }) => [
          `${target}: ${overlay.path} -> ${base.path}`,
          ...relink.map((image) => `${target}: ${image.path} then backs on ${base.path}`),
        ]),
      ];
    case "disks.discard":
      return [
        `discard unused files with ${operation.backend}`,
        ...operation.files.map(({ path }) => path),
      ];
    case "domain.define":
      return ["update the definition of the domain", ...describeRelocations(operation)];
    case "domain.start":
      return [operation.paused ? "start the domain, paused" : "start the domain"];
    case "domain.stop":
      return ["stop the domain"];
    case "domain.pause":
      return ["pause the domain"];
    case "domain.resume":
      return ["resume the domain"];
    case "record.write":
      return [`write the record of '${operation.snapshot.name}'`];
    case "record.remove":
      return [`remove the record of '${operation.name}'`];
    case "record.current":
      return [
        operation.name === undefined
          ? "leave no snapshot current"
          : `make '${operation.name}' the current snapshot`,
      ];
  }
}

function describeRevertStep(
  step: Extract<Operation, { readonly kind: "disks.revert" }>["disks"][number],
): string {
  const { target, mode, image, file } = step;
  return file === undefined
    ? `${target}: ${mode} in ${image.path}`
    : `${target}: ${mode}, ${image.path} and ${file.path} (${file.format})`;
}

function describeRelocations(
  operation: Extract<Operation, { readonly kind: "domain.define" }>,
): string[] {
  const before = new Map(operation.previous.disks.map((disk) => [disk.target, disk.source?.path]));
  return operation.definition.disks
    .filter(({ target, source }) => before.get(target) !== source?.path)
    .map(
      ({ target, source }) =>
        `${target}: ${before.get(target) ?? "(none)"} -> ${source?.path ?? "(none)"}`,
    );
}
