import { childNamed, stringAt, textOf } from "./element.js";
import { readXml } from "./reader.js";
import { parseScaledBytes } from "./values.js";

/** What a definition gives a guest of processors and memory. */
export interface DomainResources {
  /** What the guest has when it starts; at most the memory of the definition. */
  readonly currentMemoryKib: bigint;
  readonly vcpus: number;
  readonly maxVcpus: number;
}

/** Reads them from a definition, with libvirt's defaults for what is missing. */
export function domainResources(definition: {
  readonly xml: string;
  readonly memoryKib: bigint;
}): DomainResources {
  const root = readXml(definition.xml);
  const current = childNamed(root, "currentMemory");
  const maxVcpus = positive(stringAt(root, "vcpu")) ?? 1;
  return {
    currentMemoryKib: current
      ? parseScaledBytes(
          textOf(current),
          current.attributes.get("unit"),
          1024n,
          "./currentMemory[1]",
        ) / 1024n
      : definition.memoryKib,
    maxVcpus,
    vcpus: positive(childNamed(root, "vcpu")?.attributes.get("current")) ?? maxVcpus,
  };
}

function positive(text: string | undefined): number | undefined {
  const number = Number(text?.trim());
  return Number.isInteger(number) && number > 0 ? number : undefined;
}
