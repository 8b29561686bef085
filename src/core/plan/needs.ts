import {
  imageOfDisk,
  type Domain,
  type DomainDefinition,
  type DomainSnapshot,
  type ImageRef,
} from "../model/index.js";
import type { BackendRegistry } from "./backend-registry.js";
import { fileOfDiskSnapshot, isTaken } from "./disk-images.js";
import type { KeeperProfile } from "./kept-disk.js";
import { definitionsOf } from "./image-references.js";

/** Who needs an image: a domain's definition, or a record of that domain. */
export interface Holder {
  readonly domain: Pick<Domain, "name" | "uuid">;
  /** Name of the record; missing for the definition. */
  readonly snapshot?: string;
}

/**
 * What an image is needed for:
 *
 * - `present`: a definition opens it, so its content is a state that somebody goes on with;
 * - `state`: it is frozen, and what it holds is the state of a snapshot;
 * - `copy`: the same of a file that was made for it;
 * - `memory`: the same of a guest's memory;
 * - `inside`: it holds an internal snapshot. It has to stay, its present content has not;
 * - `named`: a record's definition opens it, though the snapshot does not hold it: whoever goes
 *   back to the snapshot expects it there.
 *
 * All but `named` need the content of everything below as well.
 */
export type Use = "present" | "state" | "copy" | "memory" | "inside" | "named";

/** That an image is needed, by whom and what for. */
export interface Need {
  readonly holder: Holder;
  readonly use: Use;
  /** Target name of the disk; missing for memory. */
  readonly target?: string;
  readonly image: ImageRef;
  /** Of `present`: whether nothing is written to it. */
  readonly readonly?: boolean;
  /** Of `inside`: what the image calls the snapshot. */
  readonly tag?: string;
}

/** What a domain's definitions need. */
export function needsOfDomain({ uuid, name, definition, inactiveDefinition }: Domain): Need[] {
  const holder = { domain: { uuid, name } };
  return [definition, inactiveDefinition].flatMap((one) =>
    needsOfDefinition(one, holder, "present"),
  );
}

/**
 * What a record needs. Where nobody tells any more how a disk is kept, since its backend is not
 * installed, both the image and the file count as its state.
 */
export function needsOfRecord(
  record: DomainSnapshot,
  domain: Holder["domain"],
  backends: BackendRegistry<KeeperProfile>,
): Need[] {
  const holder = { domain, snapshot: record.name };
  return [
    ...record.disks.flatMap((disk) => needsOfDisk(record, disk, holder, backends)),
    ...definitionsOf(record).flatMap((one) => needsOfDefinition(one, holder, "named")),
    ...needOfMemory(record, holder),
  ];
}

function needsOfDisk(
  { domain, name, imageTag }: DomainSnapshot,
  disk: DomainSnapshot["disks"][number],
  holder: Holder,
  backends: BackendRegistry<KeeperProfile>,
): Need[] {
  if (!isTaken(disk)) return [];
  const target = disk.name;
  const domainDisk = domain?.disks.find((one) => one.target === target);
  const image = imageOfDisk(domainDisk);
  const need = (use: Use, of: ImageRef | undefined): Need[] =>
    of ? [{ holder, use, target, image: of }] : [];
  if (disk.mode === "internal")
    return need("inside", image).map((one) => ({ ...one, tag: imageTag ?? name }));
  const isInstalled = disk.backend === undefined || backends.find(disk.backend) !== undefined;
  const kind = isInstalled ? backends.keeperOf(domainDisk, disk)?.externalKind : undefined;
  return [
    ...(kind === "copy" ? [] : need("state", image)),
    ...(kind === "copy" || !isInstalled ? need("copy", fileOfDiskSnapshot(disk)) : []),
  ];
}

function needsOfDefinition(
  definition: DomainDefinition | undefined,
  holder: Holder,
  use: Use,
): Need[] {
  return (definition?.disks ?? []).flatMap((disk): Need[] => {
    const image = imageOfDisk(disk);
    return image
      ? [{ holder, use, target: disk.target, image, ...(disk.readonly && { readonly: true }) }]
      : [];
  });
}

function needOfMemory({ memory }: DomainSnapshot, holder: Holder): Need[] {
  if (memory?.mode !== "external" || memory.file === undefined) return [];
  return [{ holder, use: "memory", image: { path: memory.file, type: "file", format: "raw" } }];
}

/** Whether a need is that of a domain, by whatever record or definition. */
export function isOf({ holder }: Need, { uuid }: Pick<Domain, "uuid">): boolean {
  return holder.domain.uuid === uuid;
}

/** A need as a clause: `snapshot 's1' of domain 'vm' keeps the state of disk 'vda' in it`. */
export function tellNeed({ holder, use, target = "" }: Need): string {
  const by = tellHolder(holder);
  switch (use) {
    case "present":
      return `disk '${target}' of ${by} uses it`;
    case "state":
      return `${by} keeps the state of disk '${target}' in it`;
    case "copy":
      return `it is the copy of disk '${target}' that ${by} keeps`;
    case "memory":
      return `it is the memory that ${by} keeps`;
    case "inside":
      return `${by} is inside of it`;
    case "named":
      return `${by} goes back to it for disk '${target}'`;
  }
}

/** What the user can do so that an image is not needed for this any more. */
export function releaseOf(
  { holder: { domain, snapshot }, use, target = "" }: Need,
  mine: Pick<Domain, "uuid">,
): string {
  const whose = domain.uuid === mine.uuid ? "" : ` of domain '${domain.name}'`;
  if (snapshot !== undefined) return `Delete snapshot '${snapshot}'${whose} first.`;
  return use === "present"
    ? `Give disk '${target}'${whose} an image of its own first.`
    : `Change the definition${whose} first.`;
}

function tellHolder({ domain, snapshot }: Holder): string {
  const whose = `domain '${domain.name}'`;
  return snapshot === undefined ? whose : `snapshot '${snapshot}' of ${whose}`;
}
