export function guardiansOf(parent: number): number[];
