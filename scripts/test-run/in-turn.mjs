/** Works through a list, so many at once, and gives the results in the order in which they came. */
export async function inTurn(items, atOnce, stop, work) {
  const waiting = [...items];
  const results = [];
  const worker = async () => {
    while (waiting.length > 0 && !stop.aborted) results.push(await work(waiting.shift(), results));
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return results;
}
