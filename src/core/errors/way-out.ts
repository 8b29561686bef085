const PLAIN_WORD = /^[A-Za-z0-9][\w.-]*$/;

/** How to get on with a domain whose interrupted change cannot be settled: a sentence for a hint. */
export function wayOut({ name, uuid }: { readonly name?: string; readonly uuid: string }): string {
  const domain = name !== undefined && PLAIN_WORD.test(name) ? name : uuid;
  return (
    `Run 'domsnap recover ${domain} --abandon' to give the change up instead: it shows what would ` +
    "stay behind, and asks."
  );
}
