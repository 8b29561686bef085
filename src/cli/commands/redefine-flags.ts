import type { CreateFlags } from "../../core/model/index.js";

/** The flags with which virsh redefines a snapshot from its own document. */
export function redefineFlags(document: string, current: boolean): CreateFlags {
  return {
    redefine: true,
    ...(current && { current: true }),
    ...(document.includes("<state>disk-snapshot</state>") && { diskOnly: true }),
  };
}
