import { damaged } from "./damage.js";
import { hostImageFiles } from "./host-image-files.js";
import { peekParent } from "./parent-link.js";

/**
 * Keeps VHDs that stand on others away from QEMU, whose driver (`vpc`) takes them for whole disks:
 * what the parent holds reads as zeroes, no error is reported, and what is written destroys the
 * file. Throws `disk-unsupported`, and `system-error` for a file that cannot be read.
 */
export async function assertStandsAlone(path: string): Promise<void> {
  const parent = await peekParent(hostImageFiles, path);
  if (!parent) return;
  throw damaged(
    path,
    `it is a VHD that stands on '${parent.path}', and QEMU silently misreads and destroys such files`,
    "Give its disk <driver name='tap' type='vhd'/>, or convert it to qcow2.",
  );
}
