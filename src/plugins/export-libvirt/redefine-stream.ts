import type {
  ExportedFiles,
  ExportFormat,
  ExportOptions,
  ExportTree,
} from "../../core/ports/index.js";
import { writeOutput } from "../../host/output-folder.js";
import { warningsFor } from "./libvirt-folder.js";
import { formatExisting } from "../../xml/libvirt-metadata.js";

/**
 * Documents in the order in which a running libvirt takes them, parents first, and a script that
 * hands them over: `sh redefine.sh -c qemu:///system`.
 */
export class RedefineStreamFormat implements ExportFormat {
  readonly id = "redefine";
  readonly summary = "documents and a script for virsh snapshot-create --redefine";
  readonly copiesImages = false;

  async write(tree: ExportTree, folder: string, options: ExportOptions): Promise<ExportedFiles> {
    const width = String(tree.snapshots.length).length;
    const documents = tree.snapshots.map((snapshot, index) => ({
      name: `${String(index + 1).padStart(width, "0")}.xml`,
      content: formatExisting(snapshot),
      snapshot,
    }));
    const calls = documents.map(({ name, snapshot }) => {
      const current = snapshot.name === tree.current ? " --current" : "";
      const diskOnly = snapshot.state === "disk-snapshot" ? " --disk-only" : "";
      return `virsh "$@" snapshot-create ${tree.domain.uuid} ${name} --redefine${current}${diskOnly}`;
    });
    const script = { name: "redefine.sh", content: `${PREAMBLE}${calls.join("\n")}\n` };
    const files = await writeOutput(folder, [...documents, script], options);
    return { files, warnings: warningsFor(tree) };
  }
}

const PREAMBLE = `#!/bin/sh
# Hands these snapshots over to libvirt, parents first. Arguments go to virsh:
#   sh redefine.sh -c qemu:///system
set -e
cd "$(dirname "$0")"
`;
