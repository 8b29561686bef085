import { element, type XmlElement } from "./element.js";

/** `<metadata_cache>` of a disk's driver, as libvirt prints it; none for no limit. */
export function metadataCache(maxBytes: bigint | undefined): XmlElement[] {
  if (maxBytes === undefined) return [];
  const size = element("max_size", { unit: "bytes" }, [String(maxBytes)]);
  return [element("metadata_cache", {}, [size])];
}
