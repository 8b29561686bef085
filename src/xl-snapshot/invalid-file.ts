import { DomsnapError } from "../core/errors/index.js";

/** A toolstack's file that cannot be read or written, by its name and the reason. */
export function invalidFile(fileName = "(snapshot)", reason: string): DomsnapError {
  return new DomsnapError("invalid-argument", `${fileName}: ${reason}`);
}
