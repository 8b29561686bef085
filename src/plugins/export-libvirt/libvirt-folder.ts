import type {
  ExportedFiles,
  ExportFormat,
  ExportOptions,
  ExportTree,
} from "../../core/ports/index.js";
import { writeOutput } from "../../host/output-folder.js";
import { formatMetadata } from "../../xml/libvirt-metadata.js";

/**
 * The folder in which libvirt's QEMU driver keeps the snapshots of a domain, for it to load at its
 * next start.
 */
export class LibvirtFolderFormat implements ExportFormat {
  readonly id = "libvirt";
  readonly summary = "libvirt's metadata folder of the domain";
  readonly copiesImages = false;

  async write(tree: ExportTree, folder: string, options: ExportOptions): Promise<ExportedFiles> {
    const files = tree.snapshots.map((snapshot) => ({
      name: `${snapshot.name}.xml`,
      content: formatMetadata(snapshot, snapshot.name === tree.current),
    }));
    return { files: await writeOutput(folder, files, options), warnings: warningsFor(tree) };
  }
}

/** What libvirt will say no to, or not understand. */
export function warningsFor({ snapshots }: ExportTree): string[] {
  return snapshots.flatMap(({ name, domain }) => {
    if (!domain) return [`snapshot '${name}' holds no domain: libvirt cannot revert to it`];
    return domain.type === "xen"
      ? [`snapshot '${name}' is of a Xen guest: libvirt's QEMU driver will not take it`]
      : [];
  });
}
