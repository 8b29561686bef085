/**
 * An archive in the kernel's own format for initramfs ("newc" of cpio), which needs no root to
 * hold devices. Entries are `{ name, mode, data?, device?: [major, minor] }`.
 */
export function cpioArchive(entries) {
  const end = { name: "TRAILER!!!", mode: 0 };
  return Buffer.concat([...entries, end].flatMap((entry, index) => cpioEntry(entry, index + 1)));
}

function cpioEntry({ name, mode, data = Buffer.alloc(0), device = [0, 0] }, inode) {
  const [uid, gid, links, mtime, nameLength] = [0, 0, 1, 0, Buffer.byteLength(name) + 1];
  const fields = [inode, mode, uid, gid, links, mtime, data.length, 0, 0, ...device, nameLength, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return [padded(Buffer.from(`${header}${name}\0`)), padded(data)];
}

/** Every part begins at a multiple of four bytes. */
function padded(part) {
  return Buffer.concat([part], Math.ceil(part.length / 4) * 4);
}
