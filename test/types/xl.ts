// Compiled by `npm run types`, never run: what outside users may rely on, and what they may not do.
import type * as plugin from "../../src/plugin.js";
import type * as api from "../../src/xl.js";
import { same } from "./support/same.js";

/** The types of `domsnap/xl`. All have to be there. */
export type Names = [
  api.FromToolstackOptions,
  api.LibxlDisk,
  api.ToolstackDiskSnapshot,
  api.ToolstackSnapshot,
  api.ToolstackState,
  api.Translation,
  api.TranslationRequest,
  api.XlBackend,
  api.XlDisk,
  api.XlDiskFormat,
];

same<
  typeof api.diskOfDiskSnapshot,
  (snapshot: plugin.DiskSnapshot, disk: plugin.DomainDisk) => plugin.DomainDisk
>(true);
same<
  typeof api.diskSnapshotOfDisk,
  (disk: Pick<plugin.DomainDisk, "target">, file?: plugin.ImageRef) => plugin.DiskSnapshot
>(true);
same<typeof api.domainDiskOfXlDisk, (disk: api.XlDisk) => plugin.DomainDisk>(true);
same<typeof api.formatDisk, (disk: plugin.DomainDisk) => string>(true);
same<typeof api.formatInformationFile, (snapshot: api.ToolstackSnapshot) => string>(true);
same<typeof api.formatLibxlSnapshot, (snapshot: api.ToolstackSnapshot) => string>(true);
same<typeof api.formatXlDisk, (disk: api.XlDisk) => string>(true);
same<
  typeof api.fromToolstackSnapshot,
  (snapshot: api.ToolstackSnapshot, options: api.FromToolstackOptions) => plugin.DomainSnapshot
>(true);
same<typeof api.parseDisk, (text: string) => plugin.DomainDisk>(true);
same<typeof api.parseInformationFile, (text: string, fileName?: string) => api.ToolstackSnapshot>(
  true,
);
same<typeof api.parseLibxlSnapshot, (json: string, fileName?: string) => api.ToolstackSnapshot>(
  true,
);
same<
  typeof api.parseXlDisk,
  (specification: string | readonly string[], fileName?: string) => api.XlDisk
>(true);
same<
  typeof api.toToolstackSnapshot,
  (
    snapshot: plugin.SnapshotHead,
    options?: {
      readonly internalMemory?: (name: string) => string;
      readonly shorten?: (file: string) => string;
    },
  ) => api.ToolstackSnapshot
>(true);
same<typeof api.translateSnapshot, (request: api.TranslationRequest) => api.Translation>(true);
same<typeof api.xlDiskFromJson, (json: api.LibxlDisk & Record<string, unknown>) => api.XlDisk>(
  true,
);
same<typeof api.xlDiskOfDomainDisk, (disk: plugin.DomainDisk) => api.XlDisk>(true);
same<typeof api.xlDiskToJson, (disk: api.XlDisk) => api.LibxlDisk & Record<string, unknown>>(true);

same<api.XlDiskFormat, "raw" | "vhd" | "qcow" | "qcow2" | "qed" | "empty">(true);
same<api.LibxlDisk["vdev"], string>(true);
same<
  Pick<api.TranslationRequest, "backends">,
  { readonly backends?: readonly plugin.BackendProfile[] }
>(true);

same<
  api.XlDisk,
  {
    readonly target?: string;
    readonly vdev: string;
    readonly format: api.XlDiskFormat;
    readonly backendType?: api.XlBackend;
    readonly writable: boolean;
    readonly cdrom: boolean;
    readonly removable: boolean;
    readonly script?: string;
    readonly backendDomain?: string;
    readonly discard?: boolean;
    readonly directIoSafe?: boolean;
    readonly specification?: "xen" | "virtio";
    readonly others?: Readonly<Record<string, string | boolean>>;
  }
>(true);
same<
  api.FromToolstackOptions,
  {
    readonly resolve: (file: string) => string;
  }
>(true);
same<
  api.ToolstackDiskSnapshot,
  {
    readonly device: string;
    readonly file?: string;
    readonly format?: plugin.ImageFormat;
    readonly type?: "internal" | "external";
  }
>(true);
same<
  api.ToolstackSnapshot,
  {
    readonly name: string;
    readonly description?: string;
    readonly creationTime: bigint;
    readonly memoryFile?: string;
    readonly type?: "internal" | "external";
    readonly live?: boolean;
    readonly diskOnly?: boolean;
    readonly state?: api.ToolstackState;
    readonly disks: readonly api.ToolstackDiskSnapshot[];
  }
>(true);
same<
  api.ToolstackState,
  {
    readonly running?: boolean;
    readonly blocked?: boolean;
    readonly paused?: boolean;
    readonly shutdown?: boolean;
    readonly dying?: boolean;
  }
>(true);
same<
  api.Translation,
  {
    readonly snapshot: plugin.DomainSnapshot;
    readonly plan: plugin.Plan;
    readonly libxlJson: string;
    readonly xl: string;
  }
>(true);

export function misuses(xl: typeof api, disk: plugin.DomainDisk): void {
  xl.formatXlDisk(xl.xlDiskOfDomainDisk(disk));
  // @ts-expect-error: a disk of libvirt's is none of xl's
  xl.formatXlDisk(disk);
  // @ts-expect-error: it needs a document
  xl.translateSnapshot({});
}
