import { ContainerModule } from "inversify";
import { DiskBackend, RANK, type DomainDisk } from "domsnap/plugin";
import {
  assertNotBackedOn,
  findBackedBy,
  generalRefusal,
  imageOfDisk,
  isRaw,
  isToolInstalled,
  POSSIBLE,
  readCopySource,
  refuse,
  refuseFor,
  runTool,
  toolMissing,
} from "domsnap/plugin-kit";
import { archiveOperations } from "./archive-operations.js";

/** Keeps states of raw image files as compressed qcow2 files beside them, which any QEMU can read. */
export const archiveBackend: DiskBackend = {
  id: "archive",
  summary: "compressed copies of raw images",
  externalKind: "copy",
  defaultFormat: "qcow2",

  offer(disk, { mode, format = "qcow2" }) {
    if (disk.type !== "file" || !isRaw(disk)) return undefined;
    if (mode !== "external" || format !== "qcow2") return undefined;
    return isPlain(disk)
      ? { rank: RANK.native + 1, reason: "a raw image of the kernel's, kept compressed" }
      : { rank: RANK.generic + 1, reason: "any raw image can be kept compressed" };
  },

  forms: () => [{ mode: "external", format: "qcow2" }],

  async assess(disk, wish) {
    const image = imageOfDisk(disk);
    // qemu-img leaves alone what a QEMU has open, whoever has paused the guest.
    const refusal = generalRefusal(disk, { ...wish, captured: false });
    if (refusal) return refusal;
    if (!image) return refuse(`disk '${disk.target}' has no image`, "Leave it out.");
    if (!isToolInstalled("qemu-img")) return refuseFor(toolMissing("qemu-img"));
    try {
      await readCopySource(image.path);
      if (wish.verb === "revert") await assertNotBackedOn(image, []);
      return POSSIBLE;
    } catch (error) {
      return refuseFor(error);
    }
  },

  /** Asked of the images, and by `domsnap check` of the copies. */
  async inspect({ path, format }) {
    const { allocatedBytes } = await readCopySource(path);
    const args = ["info", "-U", "--output=json", "-f", format, path];
    const { stdout } = await runTool("qemu-img", args);
    const facts = JSON.parse(stdout) as { readonly "virtual-size": number };
    return { path, format, allocatedBytes, virtualSizeBytes: facts["virtual-size"], snapshots: [] };
  },

  findDependents: ({ path }, candidates) => findBackedBy(path, [], candidates),

  operations: archiveOperations,
};

/** A disk that the kernel serves: whoever has QEMU for it has overlays, too. */
function isPlain({ driverName }: DomainDisk): boolean {
  return driverName === undefined || driverName === "file";
}

export const plugin = new ContainerModule(({ bind }) => {
  bind<DiskBackend>(DiskBackend).toConstantValue(archiveBackend);
});
