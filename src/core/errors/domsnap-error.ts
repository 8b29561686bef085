import { ERROR_CATALOGUE, type ErrorCode, type ErrorKind } from "./catalogue.js";

/** What a failed call left behind: nothing, nothing after undoing, or a part that is journalled. */
export type ErrorEffect = "none" | "rolled-back" | "partial";

/** What an error tells beside its code and its text. */
export interface DomsnapErrorOptions {
  readonly cause?: unknown;
  /** The next step, when it is more exact than the catalogue's advice. */
  readonly hint?: string;
  readonly effect?: ErrorEffect;
}

/** The same in every copy of this package that a process loads. */
const BRAND = Symbol.for("domsnap.DomsnapError");

/**
 * The one error family of domsnap. `detail` is the bare text, `message` the text as libvirt and
 * virsh render it (with the prefix of its class).
 *
 * `instanceof` asks for a mark and not for this very class: a plugin throws the one of the copy of
 * domsnap that it was installed with.
 */
export class DomsnapError extends Error {
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof Error && BRAND in value;
  }

  readonly [BRAND] = true;
  override readonly name = "DomsnapError";
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly effect: ErrorEffect;

  constructor(code: ErrorCode, detail: string, options: DomsnapErrorOptions = {}) {
    super(renderMessage(code, detail), { cause: options.cause });
    this.code = code;
    this.detail = detail;
    this.hint = options.hint;
    this.effect = options.effect ?? "none";
  }

  get kind(): ErrorKind {
    return ERROR_CATALOGUE[this.code];
  }

  get exitStatus(): number {
    return this.kind.exitStatus;
  }

  /** The same failure with another account of what it left behind. */
  withEffect(effect: ErrorEffect): DomsnapError {
    const hint = this.hint === undefined ? {} : { hint: this.hint };
    return new DomsnapError(this.code, this.detail, { cause: this.cause, effect, ...hint });
  }
}

function renderMessage(code: ErrorCode, detail: string): string {
  const kind: ErrorKind = ERROR_CATALOGUE[code];
  return kind.prefix === undefined ? detail : `${kind.prefix}: ${detail}`;
}

/** Any thrown thing as a DomsnapError; what is not one yet becomes `fallback`. */
export function asDomsnapError(
  thrown: unknown,
  fallback: ErrorCode = "internal-error",
): DomsnapError {
  if (thrown instanceof DomsnapError) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new DomsnapError(fallback, detail, { cause: thrown });
}
