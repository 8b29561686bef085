/** Something is lost, untrue or jammed. Every other error is a mistake of the test. */
export class Violation extends Error {}

/** An expectation of the model; the text says what is wrong. */
export function demand(holds: boolean, text: () => string): void {
  if (!holds) throw new Violation(text());
}
