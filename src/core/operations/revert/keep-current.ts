import { asDomsnapError, DomsnapError } from "../../errors/index.js";
import {
  isActive,
  type DiskSnapshot,
  type Domain,
  type DomainSnapshot,
  type MemorySnapshot,
} from "../../model/index.js";
import { imageOf, isTaken } from "../../plan/disk-images.js";
import type { ParsedSnapshot } from "../../ports/index.js";
import { externalFileName } from "../../rules/external-file-name.js";

/** `before-revert-1700000000`: by the time; counts on while a snapshot has that name. */
export function keptName(
  nowSeconds: bigint,
  existingNames: { has(name: string): boolean },
): string {
  let seconds = nowSeconds;
  while (existingNames.has(`before-revert-${seconds}`)) seconds += 1n;
  return `before-revert-${seconds}`;
}

/**
 * The snapshot that keeps the present state of a domain before it goes back to `target`: of an
 * active guest with its memory. Each disk is kept in the way in which `target` keeps it, since a
 * revert may only change an image that no overlay stands on, and only an overlay outlives the
 * image that it stands on being left. Throws `config-unsupported` when that cannot be done for all disks at
 * one instant.
 */
export function keepingSnapshot(
  domain: Domain,
  target: DomainSnapshot,
  name: string,
): ParsedSnapshot {
  const disks = target.disks.filter(({ name: disk }) => imageOf(domain.definition, disk));
  const taken = disks.filter(isTaken);
  const common = {
    name,
    description: `state before the revert to '${target.name}'`,
    creationTime: 0n,
  };
  if (!isActive(domain)) return { ...common, disks: disks.map(asTargetKeepsIt) };
  const external = taken.filter(({ mode }) => mode === "external");
  if (external.length > 0 && external.length < taken.length)
    throw new DomsnapError(
      "config-unsupported",
      `the state of domain '${domain.name}' cannot be kept while it is ${domain.state}: snapshot '${target.name}' has some disks inside their images and some in files of their own`,
      { hint: "Shut the domain down first, or take a snapshot of your own before the revert." },
    );
  return {
    ...common,
    ...memoryFor(domain, external, name),
    disks: taken.map(asTargetKeepsIt),
  };
}

/** Without a word of it, memory goes where the disks go: into the images. */
function memoryFor(
  { definition }: Domain,
  external: readonly DiskSnapshot[],
  name: string,
): { readonly memory?: MemorySnapshot } {
  const [first] = external;
  const image = first && imageOf(definition, first.name);
  if (!image) return {};
  return { memory: { mode: "external", file: `${externalFileName(image.path, name)}.memory` } };
}

function asTargetKeepsIt({ name, mode, format, backend }: DiskSnapshot): DiskSnapshot {
  if (mode !== "internal" && mode !== "external") return { name, mode: "no", type: "file" };
  const driver = mode === "external" && format !== undefined ? { format } : {};
  const keeper = backend === undefined ? {} : { backend };
  return { name, mode, type: "file", ...driver, ...keeper };
}

/** The failure of a revert whose domain has a new snapshot all the same. */
export function failureAfterKeeping(thrown: unknown, name: string): DomsnapError {
  const error = asDomsnapError(thrown);
  const kept = `Delete snapshot '${name}', which keeps the state before, if you do not need it.`;
  return new DomsnapError(error.code, error.detail, {
    cause: error,
    effect: error.effect,
    hint: error.hint === undefined ? kept : `${error.hint} ${kept}`,
  });
}
