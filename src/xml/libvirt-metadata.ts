import type { DomainSnapshot } from "../core/model/index.js";
import { formatSnapshot } from "./index.js";

/** What libvirt's QEMU driver puts before its metadata files. */
const HEADER = `<!--
WARNING: THIS IS AN AUTO-GENERATED FILE. CHANGES TO IT ARE LIKELY TO BE
OVERWRITTEN AND LOST. Changes to this xml configuration should be made using:
  virsh snapshot-edit
or other application using the libvirt API.
-->

`;

/** A metadata file of libvirt's QEMU driver, byte for byte as it writes it. */
export function formatMetadata(snapshot: DomainSnapshot, current: boolean): string {
  const active = `  <active>${current ? "1" : "0"}</active>\n`;
  return HEADER + formatExisting(snapshot).replace(/<\/domainsnapshot>\n$/, `${active}$&`);
}

/** A document for a redefinition, which asks for the time even where it is not known. */
export function formatExisting(snapshot: DomainSnapshot): string {
  const text = formatSnapshot(snapshot, { secure: true });
  if (snapshot.creationTime !== 0n) return text;
  return text.replace("<domainsnapshot>", "<domainsnapshot>\n  <creationTime>0</creationTime>");
}
