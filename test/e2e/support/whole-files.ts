import { ContainerModule } from "inversify";

import { RANK } from "../../../src/core/model/index.js";
import { DiskBackend } from "../../../src/core/ports/index.js";
import { DdBackend } from "../../../src/plugins/dd/index.js";
import { QdiskBackend } from "../../../src/plugins/qdisk/index.js";

/** Keeps states of qcow2 images that stand alone as copies of the files: copies that are not raw. */
export function wholeFiles(rank: number = RANK.generic): DiskBackend {
  const [dd, qdisk] = [new DdBackend(), new QdiskBackend()];
  return {
    id: "whole-files",
    summary: "copies of qcow2 files",
    externalKind: "copy",
    defaultFormat: "qcow2",
    offer: (disk, { mode, format }) =>
      mode === "external" && disk.format === "qcow2" && (format ?? "qcow2") === "qcow2"
        ? { rank, reason: "a qcow2 file can be copied" }
        : undefined,
    forms: () => [{ mode: "external", format: "qcow2" }],
    assess: (disk, { mode }) =>
      Promise.resolve(
        mode === "external"
          ? { possible: true }
          : {
              possible: false,
              reason: `a copy of disk '${disk.target}' is never inside`,
              remedy: "Ask for an external snapshot.",
            },
      ),
    inspect: (image) => qdisk.inspect(image),
    findDependents: (image, candidates) => qdisk.findDependents(image, candidates),
    operations: dd.operations,
  };
}

export function wholeFilesModule(rank?: number): ContainerModule {
  return new ContainerModule(({ bind }) => {
    bind<DiskBackend>(DiskBackend).toConstantValue(wholeFiles(rank));
  });
}
