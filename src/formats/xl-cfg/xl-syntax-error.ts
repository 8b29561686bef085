/** One mistake in a text of xl's configuration language. */
export class XlSyntaxError extends Error {
  override readonly name = "XlSyntaxError";

  constructor(
    readonly line: number,
    readonly near: string,
    readonly reason: string,
  ) {
    super(reason);
  }
}
