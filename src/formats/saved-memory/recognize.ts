import type { MemoryLook } from "../../core/ports/index.js";
import { recognizeSaveFile } from "../xen-save-file/index.js";

/** As many bytes of a file as are looked at; the last two may be those of a partition table. */
export const HEAD_BYTES = 512;

/** What a format begins with, and where. */
interface Mark extends MemoryLook {
  readonly magic: string;
  readonly at?: number;
}

const MARKS: readonly Mark[] = [
  // QEMU: migration/qemu-file-types.h, QEMU_VM_FILE_MAGIC.
  { magic: "QEVM", format: "qemu", looksLike: "memory that QEMU has saved" },
  // libvirt: src/qemu/qemu_saveimage.h; the second one while it is being written.
  { magic: "LibvirtQemudSave", format: "libvirt", looksLike: "memory that libvirt has saved" },
  { magic: "LibvirtQemudPart", format: "libvirt", looksLike: "memory that libvirt was saving" },
  // Xen: tools/libs/light/libxl_sr_stream_format.h, of a stream without xl's header.
  { magic: "LibxlFmt", format: "libxl", looksLike: "memory that libxl has saved" },
  { magic: "QFI\xfb", looksLike: "a qcow2 image" },
  { magic: "QED\0", looksLike: "a qed image" },
  { magic: "conectix", looksLike: "a VHD" },
  { magic: "cxsparse", looksLike: "a VHD" },
  { magic: "vhdxfile", looksLike: "a VHDX image" },
  { magic: "KDMV", looksLike: "a VMDK image" },
  { magic: "\x7f\x10\xda\xbe", at: 64, looksLike: "a VDI image" },
  { magic: "LUKS\xba\xbe", looksLike: "an encrypted disk" },
  { magic: "\x7fELF", looksLike: "a program" },
  { magic: "\x1f\x8b", looksLike: "a compressed file" },
  { magic: "\x28\xb5\x2f\xfd", looksLike: "a compressed file" },
  { magic: "\xfd7zXZ\0", looksLike: "a compressed file" },
  { magic: "ustar", at: 257, looksLike: "an archive" },
  { magic: "\x55\xaa", at: 510, looksLike: "a disk" },
];

/** What a file that begins with these bytes looks like. Pure. */
export function recognizeMemory(head: Uint8Array): MemoryLook {
  if (head.length === 0) return { looksLike: "an empty file" };
  switch (recognizeSaveFile(head)) {
    case "xl":
      return { format: "xl", looksLike: "memory that xl has saved" };
    case "libvirt":
      return { format: "libvirt-xen", looksLike: "memory that libvirt has saved" };
    case undefined: {
      const mark = MARKS.find(({ magic, at = 0 }) => hasMark(head, magic, at));
      if (mark) return { looksLike: mark.looksLike, ...(mark.format && { format: mark.format }) };
      return { looksLike: lookOfBytes(head) };
    }
  }
}

function hasMark(head: Uint8Array, magic: string, at: number): boolean {
  return Buffer.from(magic, "latin1").equals(head.subarray(at, at + magic.length));
}

function lookOfBytes(head: Uint8Array): string {
  if (head.every((byte) => byte === 0)) return "a file of zeroes";
  if (head.every((byte) => byte >= FIRST_PRINTABLE || WHITE_SPACE.has(byte))) return "a text file";
  return `something that begins with the bytes ${Buffer.from(head.subarray(0, 8)).toString("hex")}`;
}

const FIRST_PRINTABLE = 0x20;
const WHITE_SPACE: ReadonlySet<number> = new Set([0x09, 0x0a, 0x0c, 0x0d]);
