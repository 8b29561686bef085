/**
 * VHD's checksum: the one's complement of the sum of all bytes. The field that holds the checksum
 * itself counts as zero: `fieldAt` is where its four bytes are.
 */
export function checksumOf(bytes: Uint8Array, fieldAt?: number): number {
  let sum = 0;
  for (const byte of bytes) sum += byte;
  if (fieldAt !== undefined) for (const byte of bytes.subarray(fieldAt, fieldAt + 4)) sum -= byte;
  return ~sum >>> 0;
}
