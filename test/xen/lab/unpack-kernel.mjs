// Linux unpacks itself at boot, which takes long under emulation; so it is done beforehand.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

/** Writes the ELF image inside a bzImage (kernel documentation: x86 boot protocol). */
export function unpackKernel(bzImage, vmlinux) {
  const image = readFileSync(bzImage);
  const setupSectors = image[0x1f1] || 4;
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c));
  const [program, ...args] = decompressorOf(payload);
  // What follows the compressed data is its size, which the programs complain about.
  const { stdout, error } = spawnSync(program, args, { input: payload, maxBuffer: 2 ** 30 });
  if (error || stdout.length === 0)
    throw new Error(`cannot unpack the kernel with '${program}': ${error?.message ?? "no data"}`);
  writeFileSync(vmlinux, stdout);
}

function decompressorOf(payload) {
  switch (payload.readUInt32BE(0)) {
    case 0xfd377a58:
      return ["xz", "--decompress", "--stdout", "--single-stream"];
    case 0x28b52ffd:
      return ["zstd", "--decompress", "--stdout", "--quiet"];
    default:
      throw new Error("the kernel is compressed in a way that is not known here");
  }
}
