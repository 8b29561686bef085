import { realpathSync } from "node:fs";
import { join } from "node:path";

import { DomsnapError } from "../core/errors/index.js";

/** What libvirt writes at the head of its own files. */
const GENERATED = /^\s*(?:<\?[^>]*\?>\s*)?<!--\s*WARNING: THIS IS AN AUTO-GENERATED FILE/;

interface Owner {
  readonly folder: RegExp;
  readonly name: string;
  /** Where it takes changes. */
  readonly uri: string;
}

const SYSTEM = "qemu:///system";
const XEN = "xen:///system";

/** Whose folders these are: programs that go on with what they have once read there. */
const OWNERS: readonly Owner[] = [
  { folder: /^\/(?:etc|run)\/libvirt\/libxl(?:\/|$)/, name: "libvirt", uri: XEN },
  { folder: /^\/(?:etc|run)\/libvirt(?:\/|$)/, name: "libvirt", uri: SYSTEM },
  { folder: /\/\.config\/libvirt(?:\/|$)/, name: "libvirt", uri: "qemu:///session" },
  { folder: /^\/etc\/xen(?:\/|$)/, name: "xl", uri: XEN },
];

/**
 * Throws `definition-foreign` when another program owns the definition of a domain: by the folder that
 * it is in, or by what its head says (`text`).
 */
export function assertOwnDefinition(folder: string, fileName: string, text: string): void {
  const owner = OWNERS.find((one) => one.folder.test(realFolder(folder)));
  if (!owner && !GENERATED.test(text)) return;
  const { name, uri } = owner ?? { name: "libvirt", uri: SYSTEM };
  const path = join(folder, fileName);
  throw new DomsnapError(
    "definition-foreign",
    `'${path}' belongs to ${name}, which keeps a copy of it in memory and would not see a change`,
    { hint: owner ? hintFor(uri) : `${hintFor(uri)} ${COPY}` },
  );
}

const COPY = "If the file is a copy that libvirt does not know, take the comment at its head away.";

function hintFor(uri: string): string {
  return uri === XEN
    ? `Use 'domsnap -c ${uri}'.`
    : `Use 'virsh -c ${uri}', or move the domain to a folder of its own: 'virsh -c ${uri} dumpxml --inactive NAME' tells its definition, and 'undefine' gives it up.`;
}

function realFolder(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    return folder;
  }
}
