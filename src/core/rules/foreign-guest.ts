import { DomsnapError } from "../errors/index.js";
import type { DomainDefinition } from "../model/index.js";
import type { ImportCandidate } from "./arrange-import.js";

/** `domain/@type` of the guests that QEMU and Xen run, and of libvirt's test driver. */
const OWN_TYPES: ReadonlySet<string> = new Set(["qemu", "kqemu", "kvm", "hvf", "xen", "test"]);

/**
 * A snapshot of another hypervisor's guest (VirtualBox, VMware, ...) keeps what can be true here:
 * name, description, time, state, place in the tree. Its definition and its disks are left out, with
 * a note: those images are differences in formats that libvirt's document does not even name, and
 * a revert would read them as raw.
 */
export function withoutForeignGuest(candidate: ImportCandidate): ImportCandidate {
  const { domain, disks, revertDisks, inactiveDomain, memory, ...rest } = candidate.snapshot;
  if (!domain || OWN_TYPES.has(domain.type)) return candidate;
  const files = [memory?.file, ...disks.map(({ source }) => source?.path)];
  const named = files.flatMap((file) => (file === undefined ? [] : [`'${file}'`])).join(", ");
  return {
    ...candidate,
    snapshot: { ...rest, memory: { mode: "no" }, disks: [], domainUuid: domain.uuid },
    notes: [
      ...candidate.notes,
      `its guest is of type '${domain.type}', whose definition and disks are of no use here and ` +
        `are left out${named === "" ? "" : `: ${named}`}`,
    ],
  };
}

/** Throws `config-unsupported` for a guest that neither QEMU nor Xen can run. */
export function assertOwnGuest({ name, type }: DomainDefinition): void {
  if (OWN_TYPES.has(type)) return;
  throw new DomsnapError(
    "config-unsupported",
    `domain '${name}' in the source is of type '${type}', which cannot be defined here`,
    { hint: "Convert the guest, define it with the same uuid, and import without --define." },
  );
}
