import type { ChangeResult } from "../../core/operations/shared/results.js";
import type {
  Capture,
  MergeStep,
  Operation,
  OperationOf,
  Plan,
  RemoveStep,
  RevertStep,
  SnapshotStep,
} from "../../core/model/index.js";
import { formatMib } from "./amount.js";
import { safeText } from "./display-text.js";

/** The plans of a dry run for people: what would happen, in order, and from where on for good. */
export function formatPlans(result: ChangeResult): string {
  const plans = result.plans.map(formatPlan);
  if (plans.length === 0) plans.push("Nothing to do.\n");
  const planned = new Set(result.plans.flatMap((plan) => plan.warnings));
  const others = result.warnings.filter((warning) => !planned.has(warning));
  return [...plans, ...others.map(formatWarning)].join("");
}

/** One plan: its title, and a line or more for each operation. */
export function formatPlan(plan: Plan): string {
  const steps = [...plan.before, ...plan.after].flatMap((operation, index) => [
    ...(index === plan.before.length ? ["  -- from here on it is carried through --\n"] : []),
    `  ${index + 1}. ${describe(operation).map(safeText).join("\n       ")}\n`,
  ]);
  const title = `Plan: ${titleOf(plan)}`;
  return [`${safeText(title)}\n`, ...steps, ...plan.warnings.map(formatWarning)].join("");
}

function titleOf({ verb, snapshot, domain }: Plan): string {
  switch (verb) {
    case "revert":
      return `revert domain '${domain.name}' to snapshot '${snapshot}'`;
    case "import":
      return `import snapshots of domain '${domain.name}'`;
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
export function describe(operation: Operation): string[] {
  switch (operation.kind) {
    case "disks.snapshot":
      return [
        `freeze disks with ${operation.backend}`,
        ...operation.disks.flatMap(describeSnapshotStep),
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
        ...operation.disks.map(describeRemoveStep),
      ];
    case "disks.merge":
      return [
        `merge overlays with ${operation.backend}`,
        ...operation.disks.flatMap(describeMergeStep),
      ];
    case "disks.discard":
      return [
        `discard unused files with ${operation.backend}`,
        ...operation.files.map(({ path }) => path),
      ];
    case "domain.define":
      return ["update the definition of the domain", ...describeRelocations(operation)];
    case "domain.start":
      return describeStart(operation);
    case "domain.stop":
      return ["stop the domain"];
    case "domain.pause":
      return ["pause the domain"];
    case "domain.resume":
      return ["resume the domain"];
    case "domain.quiesce":
      return ["let the guest's agent freeze its file systems"];
    case "domain.thaw":
      return ["thaw the guest's file systems"];
    case "domain.prepare-capture":
      return [
        "make everything ready while the guest runs",
        ...operation.disks.flatMap(describeSnapshotStep),
        ...describeMemory(operation),
      ];
    case "domain.capture":
      return [
        `take ${describeTaken(operation)} at one instant` +
          (operation.resume ? "" : ", and leave the guest paused"),
      ];
    case "domain.merge":
      return [
        "merge overlays while the guest uses them",
        ...operation.disks.flatMap(describeMergeStep),
      ];
    case "domain.remove":
      return [
        "remove snapshots from images that the guest uses",
        ...operation.disks.map(({ target, image }) => `${target}: internal in ${image.path}`),
      ];
    case "domain.discard-memory":
      return ["discard the saved memory", operation.file];
    case "record.write":
      return [`write the record of '${operation.snapshot.name}'`];
    case "records.add":
      return [
        `add ${String(operation.snapshots.length)} records`,
        ...operation.snapshots.map(({ name }) => name),
      ];
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

function describeStart({ paused, memory }: OperationOf<"domain.start">): string[] {
  const start = paused ? "start the domain, paused" : "start the domain";
  if (!memory) return [start];
  const from = memory.mode === "external" ? memory.file : `snapshot '${memory.snapshot}' in images`;
  return [start, `memory: ${from}`];
}

function describeMemory({ memory }: Capture): string[] {
  if (!memory) return [];
  return [memory.mode === "external" ? `memory: external, ${memory.file}` : "memory: internal"];
}

function describeTaken({ disks, memory }: Capture): string {
  const targets = disks.map(({ target }) => target).join(", ");
  return [...(memory ? ["memory"] : []), ...(targets === "" ? [] : [targets])].join(" and ");
}

function describeSnapshotStep(step: SnapshotStep): string[] {
  const { target, image } = step;
  switch (step.keeps) {
    case "inside":
      return [`${target}: internal in ${image.path}`];
    case "copy":
      return [`${target}: external, ${image.path} -> ${step.copy.path} (${step.copy.format})`];
    case "overlay":
      return [
        `${target}: external, ${image.path} -> ${step.overlay.path} (${step.overlay.format})`,
      ];
    case "renamed":
      return [
        `${target}: external, ${image.path} becomes ${step.frozen.path}`,
        `${target}: a new overlay (${step.overlay.format}) takes the path ${step.overlay.path}`,
      ];
  }
}

function describeMergeStep(step: MergeStep): string[] {
  const { target, base, overlay, relink, bytes } = step;
  const amount = bytes === undefined ? "" : ` (at most ${formatMib(bytes)})`;
  if (step.into === "overlay")
    return [
      `${target}: stream ${base.path} up into ${overlay.path}${amount}`,
      `${target}: ${overlay.path} then backs on ${step.onto.path}`,
    ];
  const how = bytes === undefined ? "" : "commit ";
  const merge = `${target}: ${how}${overlay.path} -> ${base.path}${amount}`;
  if (step.into === "renamed") return [merge, `${target}: ${base.path} becomes ${overlay.path}`];
  return [merge, ...relink.map((image) => `${target}: ${image.path} then backs on ${base.path}`)];
}

function describeRevertStep(step: RevertStep): string {
  const { target, image } = step;
  if (step.keeps === "inside") return `${target}: internal in ${image.path}`;
  const file = step.keeps === "copy" ? step.copy : step.overlay;
  return `${target}: external, ${image.path} and ${file.path} (${file.format})`;
}

function describeRemoveStep(step: RemoveStep): string {
  return step.keeps === "inside"
    ? `${step.target}: internal in ${step.image.path}`
    : `${step.target}: external in ${step.copy.path}`;
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
