import { resolve } from "node:path";

import { strerror } from "../../host/system-error.js";
import type { DomainDefinition } from "../../core/model/index.js";
import type { ImportItem } from "../../core/ports/index.js";
import { decodeXmlBytes, parseDomain } from "../../xml/index.js";
import { kindOfSource, readSourceFile } from "../../host/read-source-file.js";

/** At most the one or the other. */
interface DriverDefinition {
  readonly definition?: DomainDefinition;
  readonly warning?: string;
}

/** Where libvirt's QEMU driver keeps its state, and where the definitions that belong to it. */
const PLACES: readonly (readonly [state: RegExp, definitions: string])[] = [
  [/\/var\/lib\/libvirt\/qemu$/, "/etc/libvirt/qemu"],
  // An embedded driver, below its root.
  [/\/lib\/qemu$/, "/etc/qemu"],
  // A user's own connection keeps both in one folder.
  [/$/, ""],
];

/**
 * The present definition of a domain whose metadata folder is where libvirt's QEMU driver has it:
 * then the definition is where the driver has that. Only the driver knows which images the domain
 * goes on with; the snapshots know those from before. Nothing when the folder is somewhere else,
 * or the definition is of another domain than the snapshots.
 */
export function readDriverDefinition(
  folder: string,
  items: readonly ImportItem[],
): DriverDefinition {
  const [, state, name] = /^(.*)\/snapshot\/([^/]+)$/.exec(resolve(folder)) ?? [];
  const place = PLACES.find(([pattern]) => state !== undefined && pattern.test(state));
  if (state === undefined || name === undefined || !place) return {};
  const path = `${state.replace(...place)}/${name}.xml`;
  if (kindOfSource(path) !== "file") return {};
  try {
    const definition = parseDomain(decodeXmlBytes(readSourceFile(path), `(${name}.xml)`));
    const isTheirs = items.some(({ snapshot }) => snapshot.domain?.uuid === definition.uuid);
    return isTheirs ? { definition } : {};
  } catch (thrown) {
    return { warning: `the definition '${path}' is not used: ${strerror(thrown)}` };
  }
}
