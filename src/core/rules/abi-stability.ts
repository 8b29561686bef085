import { unsupported } from "../errors/unsupported.js";
import type { DomainDefinition, DomainDisk } from "../model/index.js";

/**
 * Checks that two definitions show a guest the same machine, as far as the typed view goes: what
 * is compared is the name, the uuid, the memory, and the disks without their sources. (libvirt:
 * virDomainDefCheckABIStability, which also compares what the view does not type.) Throws
 * `config-unsupported`.
 */
export function assertAbiStable(source: DomainDefinition, target: DomainDefinition): void {
  assertSame("domain virt type", target.type, source.type);
  assertSame("domain uuid", target.uuid, source.uuid);
  assertSame("domain name", `'${target.name}'`, `'${source.name}'`);
  assertSame("domain max memory", String(target.memoryKib), String(source.memoryKib));
  assertSame("domain OS type", target.osType ?? "", source.osType ?? "");
  assertSame("domain disk count", String(target.disks.length), String(source.disks.length));
  target.disks.forEach((disk, index) => {
    const old = source.disks[index];
    if (old) assertSameDisk(old, disk);
  });
}

/** A guest sees the device, the bus, the name and whether it may write; never the file. */
function assertSameDisk(source: DomainDisk, target: DomainDisk): void {
  assertSame("disk device", target.device, source.device);
  assertSame("disk bus", target.bus ?? "", source.bus ?? "");
  assertSame("disk", target.target, source.target);
  if (source.readonly !== target.readonly)
    throw unsupported("Target disk access mode does not match source");
}

function assertSame(what: string, target: string, source: string): void {
  if (target !== source)
    throw unsupported(`Target ${what} ${target} does not match source ${source}`);
}
