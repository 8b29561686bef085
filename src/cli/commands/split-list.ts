/**
 * Splits virsh's comma lists: `,,` is a literal comma. An empty piece appends a comma and the next
 * piece to the one before; a single comma at the end gives an empty last piece.
 */
export function splitList(list: string): string[] {
  const [first = "", ...rest] = list.split(",");
  const pieces = [first];
  for (let at = 0; at < rest.length; at++) {
    const piece = rest[at] ?? "";
    const next = rest[at + 1];
    if (piece === "" && next !== undefined) {
      pieces.push(`${pieces.pop() ?? ""},${next}`);
      at++;
    } else pieces.push(piece);
  }
  return pieces;
}
