import { SECTOR_BYTES } from "./layout.js";

/** Cylinders, heads and sectors packed as in a footer, by the rule of the VHD specification. */
export function geometryOf(sizeBytes: number): number {
  const sectors = Math.min(Math.floor(sizeBytes / SECTOR_BYTES), 65535 * 16 * 255);
  const { cylinderHeads, heads, perTrack } = trackLayout(sectors);
  return ((Math.floor(cylinderHeads / heads) << 16) | (heads << 8) | perTrack) >>> 0;
}

function trackLayout(sectors: number) {
  const split = (perTrack: number, heads: number) => ({
    cylinderHeads: Math.floor(sectors / perTrack),
    heads,
    perTrack,
  });
  if (sectors >= 65535 * 16 * 63) return split(255, 16);
  const small = split(17, Math.max(4, Math.ceil(Math.floor(sectors / 17) / 1024)));
  if (small.cylinderHeads < small.heads * 1024 && small.heads <= 16) return small;
  const medium = split(31, 16);
  return medium.cylinderHeads < medium.heads * 1024 ? medium : split(63, 16);
}
