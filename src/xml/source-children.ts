import { DomsnapError } from "../core/errors/index.js";
import { childNamed, childrenNamed, element, type XmlElement } from "./element.js";
import { requireAttribute } from "./values.js";

/**
 * The parts that sources of all types may have, in libvirt's order. Throws libvirt's errors for
 * those that lack what they must tell.
 */
export function commonChildren(node: XmlElement): XmlElement[] {
  const [auth, encryption, reservations] = ["auth", "encryption", "reservations"].map((name) =>
    childNamed(node, name),
  );
  if (auth && !auth.attributes.has("username"))
    throw new DomsnapError("xml-error", "missing username for auth");
  if (encryption) assertEncryptionFormat(encryption);
  if (reservations) requireAttribute(reservations, "managed");
  return [
    ...storageSlices(node),
    ...childrenNamed(node, "seclabel").map(completeLabel),
    ...[auth, encryption, reservations].filter((child) => child !== undefined),
  ];
}

function assertEncryptionFormat(node: XmlElement): void {
  if (/^(?:default|qcow|luks|luks2)$/.test(node.attributes.get("format") ?? "")) return;
  throw new DomsnapError("xml-error", "unknown volume encryption format");
}

function storageSlices(node: XmlElement): XmlElement[] {
  const slices = childNamed(node, "slices");
  if (slices === undefined) return [];
  const slice = childrenNamed(slices, "slice").find(
    (one) => one.attributes.get("type") === "storage",
  );
  return slice ? [element("slices", {}, [slice])] : [];
}

/** A label that does not say so is one to relabel to. */
function completeLabel(node: XmlElement): XmlElement {
  const { model, relabel, ...others } = Object.fromEntries(node.attributes);
  const skips = others["labelskip"] === "yes";
  const said = relabel ?? (skips ? undefined : "yes");
  return element("seclabel", { model, relabel: said, ...others }, node.children);
}
