import type { DomainDefinition } from "../core/model/index.js";
import { parseDomainElement } from "./domain.js";
import { childNamed, isElement, type XmlElement, type XmlNode } from "./element.js";
import { readXml } from "./reader.js";

/** Formats that Xen's QEMU opens for libvirt's driver of that name. */
const QEMU_FORMATS: ReadonlySet<string> = new Set(["raw", "qcow", "qcow2", "qed", "vhd"]);

/**
 * A QEMU guest's definition as one of Xen: `type='xen'`, disks under other target names on the Xen
 * bus and without their old addresses, and every driver one that libvirt's Xen driver knows (`qemu`
 * where it is none of its own). All else is left to the user. Idempotent.
 */
export function asXenDomain(
  definition: DomainDefinition,
  targets: ReadonlyMap<string, string>,
): DomainDefinition {
  const root = readXml(definition.xml);
  const attributes = new Map(root.attributes).set("type", "xen");
  const children = root.children.map((child) =>
    isElement(child) && child.name === "devices" ? mapDisks(child, targets) : child,
  );
  return parseDomainElement({ ...root, attributes, children });
}

function mapDisks(devices: XmlElement, targets: ReadonlyMap<string, string>): XmlElement {
  const mapDisk = (child: XmlNode): XmlNode => {
    if (!isElement(child) || child.name !== "disk") return child;
    const from = childNamed(child, "target")?.attributes.get("dev") ?? "";
    return asXenDisk(child, targets.get(from) ?? from);
  };
  return { ...devices, children: devices.children.map(mapDisk) };
}

function asXenDisk(disk: XmlElement, target: string): XmlElement {
  const isMapped = childNamed(disk, "target")?.attributes.get("dev") !== target;
  const children = disk.children.flatMap((child): XmlNode[] => {
    if (!isElement(child)) return [child];
    if (child.name === "address" && isMapped) return [];
    if (child.name === "driver") return [asXenDriver(child)];
    if (child.name !== "target") return [child];
    const attributes = new Map(child.attributes).set("dev", target);
    if (target.startsWith("xvd")) attributes.set("bus", "xen");
    return [{ ...child, attributes }];
  });
  return { ...disk, children };
}

function asXenDriver(driver: XmlElement): XmlElement {
  const name = driver.attributes.get("name");
  if (name !== undefined && ["tap", "tap2", "file", "phy"].includes(name)) return driver;
  const format = driver.attributes.get("type") ?? "raw";
  const attributes = new Map([["name", "qemu"], ...driver.attributes]).set("name", "qemu");
  return QEMU_FORMATS.has(format) ? { ...driver, attributes } : driver;
}
