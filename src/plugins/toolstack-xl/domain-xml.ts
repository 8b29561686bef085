import type { DomainDefinition, DomainDisk } from "../../core/model/index.js";
import {
  diskElement,
  element,
  formatElement,
  parseDomain,
  type XmlElement,
} from "../../xml/index.js";
import type { XenGuest } from "./xen-guest.js";

/** libvirt's names of the types of Xen guests. */
const OS_TYPES = {
  pv: { os: "linux", machine: "xenpv" },
  pvh: { os: "xenpvh", machine: "xenpvh" },
  hvm: { os: "hvm", machine: "xenfv" },
} as const;

/**
 * The guest as libvirt's Xen driver would describe it, as far as domsnap needs to know. Throws as
 * `parseDomain` for what no domain can have (a `/` in its name, two disks of one name).
 */
export function defineGuest(
  guest: XenGuest & { readonly uuid: string },
  disks: readonly DomainDisk[],
): DomainDefinition {
  const { os, machine } = OS_TYPES[guest.type];
  const root = element("domain", { type: "xen" }, [
    element("name", {}, [guest.name]),
    element("uuid", {}, [guest.uuid]),
    element("memory", { unit: "KiB" }, [`${guest.maxMemoryKib}`]),
    element("currentMemory", { unit: "KiB" }, [`${guest.memoryKib}`]),
    element("vcpu", { placement: "static" }, [`${guest.vcpus}`]),
    ...text("bootloader", guest.bootloader),
    element("os", {}, [
      element("type", { machine }, [os]),
      ...text("kernel", guest.kernel),
      ...text("initrd", guest.ramdisk),
      ...text("cmdline", guest.commandLine),
    ]),
    ...text("on_poweroff", guest.onPoweroff),
    ...text("on_reboot", guest.onReboot),
    ...text("on_crash", guest.onCrash),
    element("devices", {}, disks.map(diskElement)),
  ]);
  return parseDomain(formatElement(root));
}

function text(name: string, content: string | undefined): XmlElement[] {
  return content === undefined ? [] : [element(name, {}, [content])];
}
