import { DomsnapError } from "../../core/errors/index.js";

/** What QEMU itself said of a command; the `cause` of the DomsnapError for it. */
export class QmpFailure extends Error {
  override readonly name = "QmpFailure";

  constructor(
    readonly command: string,
    /** `GenericError`, `CommandNotFound`, `DeviceNotFound`, `DeviceNotActive`, ... */
    readonly errorClass: string,
    /** QEMU's own words. */
    readonly description: string,
  ) {
    super(`${errorClass}: ${description}`);
  }
}

/** A command that QEMU refused, as `tool-failed`. */
export function qmpError(command: string, errorClass: string, description: string): DomsnapError {
  const cause = new QmpFailure(command, errorClass, description);
  return new DomsnapError("tool-failed", `QEMU refused '${command}': ${description}`, { cause });
}

/** What QEMU said, when `thrown` is about a command that it refused. */
export function qmpFailureOf(thrown: unknown): QmpFailure | undefined {
  const cause = thrown instanceof DomsnapError ? thrown.cause : undefined;
  return cause instanceof QmpFailure ? cause : undefined;
}
