import { settled, type OperationOf } from "../core/model/index.js";
import type { UndoableWork } from "../core/ports/index.js";
import type { DefinitionFolder } from "./definition-folder.js";

/** Carries out `domain.define` where definitions are files in a folder. */
export function defineInFolder(
  definitions: DefinitionFolder,
): UndoableWork<OperationOf<"domain.define">> {
  return {
    async run({ definition }) {
      await definitions.write(definition);
    },
    rehearse: ({ definition }) => definitions.assertWritable(definition),
    undo: ({ definition, previous }) => definitions.takeBack(definition, previous),
    // eslint-disable-next-line @typescript-eslint/require-await -- throws as a rejection
    settle: async ({ definition }) => settled(definitions.holds(definition)),
  };
}
