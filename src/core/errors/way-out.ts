const PLAIN_WORD = /^[A-Za-z0-9][\w.-]*$/;

/**
 * How to get on with a domain whose interrupted change cannot be settled: a sentence for a hint,
 * behind the hint that there is already.
 */
export function withWayOut(
  hint: string | undefined,
  { name, uuid }: { readonly name?: string; readonly uuid: string },
): string {
  const domain = name !== undefined && PLAIN_WORD.test(name) ? name : uuid;
  const wayOut =
    `Run 'domsnap recover ${domain} --abandon' to give the change up instead: it shows what would ` +
    "stay behind, and asks.";
  return hint === undefined ? wayOut : `${hint} ${wayOut}`;
}
