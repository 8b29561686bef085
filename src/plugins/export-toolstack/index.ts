import { ContainerModule } from "inversify";

import type { DomainSnapshot } from "../../core/model/index.js";
import {
  ExportFormat,
  type ExportedFiles,
  type ExportOptions,
  type ExportTree,
} from "../../core/ports/index.js";
import { writeOutput } from "../../host/output-folder.js";
import { formatInformationFile, toToolstackSnapshot } from "../../xl-snapshot/index.js";

/** `snapshotdata-NAME.xl` files with the keys of the third proposal for snapshots in xl (2014). */
export class InformationFilesFormat implements ExportFormat {
  readonly id = "xl";
  readonly summary = "snapshotdata-NAME.xl files";
  readonly copiesImages = false;

  async write(tree: ExportTree, folder: string, options: ExportOptions): Promise<ExportedFiles> {
    const files = tree.snapshots.map((snapshot) => ({
      name: `snapshotdata-${snapshot.name}.xl`,
      content: formatInformationFile(toToolstackSnapshot(snapshot)),
    }));
    return {
      files: await writeOutput(folder, files, options),
      warnings: tree.snapshots.flatMap(lossOf),
    };
  }
}

function lossOf({ name, parent, memory }: DomainSnapshot): string[] {
  const lost = [
    ...(parent === undefined ? [] : [`its parent '${parent}'`]),
    ...(memory?.mode === "internal" ? ["its memory, which is inside of an image"] : []),
  ];
  return lost.length === 0 ? [] : [`the file of '${name}' cannot tell ${lost.join(" and ")}`];
}

export const exportToolstackModule = new ContainerModule(({ bind }) => {
  bind<ExportFormat>(ExportFormat).to(InformationFilesFormat);
});
