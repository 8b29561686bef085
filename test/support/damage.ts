/** A way to damage a file, and what becomes of it. */
export interface Damage {
  readonly what: string;
  readonly bytes: Buffer;
}

/** Every bit of a file flipped, one at a time, and the file cut off before every byte. */
export function* everyDamage(whole: Buffer): Generator<Damage> {
  for (let at = 0; at < whole.length; at++) {
    yield { what: `cut to ${String(at)} bytes`, bytes: whole.subarray(0, at) };
    for (let bit = 0; bit < 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(whole.readUInt8(at) ^ (1 << bit), at);
      yield { what: `bit ${String(bit)} of byte ${String(at)} flipped`, bytes };
    }
  }
}
