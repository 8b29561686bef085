/** `Array.every` for a test that takes time: one after the other, up to the first that fails. */
export async function everyAsync<Item>(
  items: readonly Item[],
  isTrue: (item: Item) => Promise<boolean>,
): Promise<boolean> {
  for (const item of items) if (!(await isTrue(item))) return false;
  return true;
}
