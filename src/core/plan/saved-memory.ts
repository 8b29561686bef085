import { DomsnapError } from "../errors/index.js";
import { tagOf, type DomainSnapshot, type StartMemory } from "../model/index.js";
import { imageOf } from "./disk-images.js";
import { standsAt, type Places } from "./image-facts.js";

/** What a guest goes on from. Throws `image-missing` when the memory is gone. */
export function startMemory(snapshot: DomainSnapshot, places: Places): StartMemory {
  const { name, memory, disks, domain } = snapshot;
  if (memory?.mode === "external") {
    const file = memory.file ?? "";
    const { kind } = standsAt(places, file);
    if (kind === "absent" || kind === "other")
      throw new DomsnapError(
        "image-missing",
        kind === "absent"
          ? `the memory of snapshot '${name}' is gone: '${file}'`
          : `the memory of snapshot '${name}' is gone: '${file}' is neither a file nor a block device`,
        {
          hint: "Bring the file back, or revert to a snapshot without memory.",
        },
      );
    return { mode: "external", file };
  }
  const internal = disks.filter(({ mode }) => mode === "internal");
  return {
    mode: "internal",
    snapshot: tagOf(snapshot),
    disks: internal.flatMap((disk) => {
      const image = imageOf(domain, disk.name);
      return image ? [{ target: disk.name, image }] : [];
    }),
  };
}
