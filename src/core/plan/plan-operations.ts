import type { Operation, Plan } from "../model/index.js";

/** All operations of a plan; their places are the numbers that a journal knows them by. */
export function operationsOf({ before, after }: Plan): readonly Operation[] {
  return [...before, ...after];
}
