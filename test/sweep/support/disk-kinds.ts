import { createContainer } from "../../../src/container.js";
import type { DomainDisk, ImageFormat, ImageRef } from "../../../src/core/model/index.js";
import { BackendRegistry } from "../../../src/core/plan/backend-registry.js";
import { DiskBackend } from "../../../src/core/ports/index.js";
import { qemuImages } from "../../support/images/qemu-images.js";
import { vhdImages } from "../../formats/vhd/support/vhd-images.js";

/** A disk that a guest can have. */
export interface DiskKind {
  readonly driver: string;
  readonly format: ImageFormat;
}

/** One way of keeping the state of a disk of some kind. */
export interface DiskForm {
  readonly backend: string;
  readonly kind: DiskKind;
  readonly mode: "internal" | "external";
  /** The `<disk>` of a snapshot document, for a target. */
  readonly document: (target: string) => string;
  readonly text: string;
}

const KINDS: readonly DiskKind[] = [
  { driver: "qemu", format: "raw" },
  { driver: "qemu", format: "qcow2" },
  { driver: "phy", format: "raw" },
  { driver: "tap", format: "vhd" },
  { driver: "tap2", format: "raw" },
];

const WISHES = [
  { mode: "internal" },
  { mode: "external" },
  { mode: "external", format: "raw" },
  { mode: "external", format: "qcow2" },
] as const;

/**
 * Every form that some installed backend says it can do, each once: a backend that is added to the
 * container is swept from then on.
 */
export async function findForms(image: (kind: DiskKind) => Promise<ImageRef>): Promise<DiskForm[]> {
  const backends = new BackendRegistry(createContainer().getAll<DiskBackend>(DiskBackend));
  const forms = new Map<string, DiskForm>();
  for (const kind of KINDS) {
    const disk = diskOf(kind, await image(kind));
    for (const wish of WISHES) {
      const backend = backends.best(disk, wish);
      const verdict = await backend?.assess(disk, { verb: "create", live: false, ...wish });
      if (!backend || verdict?.possible !== true) continue;
      const format = "format" in wish ? wish.format : backend.defaultFormat;
      const text = [
        backend.id,
        kind.format,
        wish.mode,
        ...(wish.mode === "external" ? [format] : []),
      ].join(" ");
      if (!forms.has(text))
        forms.set(text, {
          backend: backend.id,
          kind,
          mode: wish.mode,
          text,
          document: (target) => diskDocument(target, wish),
        });
    }
  }
  return [...forms.values()];
}

function diskDocument(target: string, wish: (typeof WISHES)[number]): string {
  const driver = "format" in wish ? `<driver type='${wish.format}'/>` : "";
  return `<disk name='${target}' snapshot='${wish.mode}'>${driver}</disk>`;
}

function diskOf({ driver, format }: DiskKind, { path }: ImageRef): DomainDisk {
  return {
    target: "vda",
    device: "disk",
    type: "file",
    driverName: driver,
    format,
    source: { path },
    readonly: false,
    shareable: false,
    transient: false,
  };
}

/** The guest's view of images of any format. */
export function imagesOfFormat(format: ImageFormat) {
  return format === "vhd" ? vhdImages : qemuImages;
}
